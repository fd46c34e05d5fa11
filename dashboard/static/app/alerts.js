// Turns the viewer's open alerts into a list that is live, and each new one into a toast.
import { panelAddress } from './addresses.js';
import { fill, h, write } from './elements.js';
import { ago } from './format.js';
import { ACKNOWLEDGE, LIVE_ALERTS } from './operations.js';
import { isBadCursor } from './socket.js';

export class Alerts {
  #api;
  #site;
  #toasts;
  #open = new Map();
  #cursor = null;
  #told = null;

  constructor({ api, site, toasts }) {
    this.#api = api;
    this.#site = site;
    this.#toasts = toasts;
    this.list = h('ul', {}, h('li', { class: 'faint' }, 'Reading…'));
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = h(
      'section',
      { class: 'card alerts', 'aria-label': 'Alerts' },
      h('h2', {}, 'Alerts'),
      this.list,
      this.trouble,
    );
  }

  /** Subscribes to the alerts: those that are open, then each change. Answers a function that ends it. */
  follow(socket) {
    return socket.subscribe({
      query: LIVE_ALERTS,
      variables: () => ({ after: this.#cursor }),
      next: ({ alerts }) => this.#heard(alerts),
      failed: (errors) => isBadCursor(errors) && (this.#cursor = null),
    });
  }

  /** Writes again how long ago each was raised. */
  refresh() {
    if (this.#told) this.#show();
  }

  /** With the first snapshot nothing is new; later ones tell what a broken connection kept back. */
  #heard({ cursor, alerts, isWhole, alert }) {
    this.#cursor = cursor ?? this.#cursor;
    if (!alerts && !alert) return;
    if (isWhole) this.#open.clear();
    for (const each of alerts ?? [alert])
      if (each.state === 'OPEN') this.#open.set(each.id, each);
      else this.#open.delete(each.id);
    this.#told ??= new Set(this.#open.keys());
    for (const each of this.#open.values()) this.#tell(each);
    this.#show();
  }

  #tell({ id, panelCode, message }) {
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.#toasts.show({ title: this.#name(panelCode), text: message, href: panelAddress(panelCode) });
    this.#site.refresh();
  }

  #name = (code) => this.#site.panels.get(code)?.name ?? code;

  #show() {
    const rows = [...this.#open.values()].sort((one, other) => Date.parse(other.raisedAt) - Date.parse(one.raisedAt));
    this.element.classList.toggle('some', rows.length > 0);
    fill(this.list, rows.length ? rows.map((alert) => this.#row(alert)) : h('li', { class: 'faint' }, 'All is well.'));
  }

  #row({ id, panelCode, message, raisedAt, acknowledgedAt }) {
    const when = h('time', { class: 'faint', datetime: raisedAt }, ago(Date.parse(raisedAt), Date.now()));
    const acknowledge = h('button', { type: 'button', class: 'quiet', click: () => this.#acknowledge(id) }, 'Got it');
    const name = h('a', { href: panelAddress(panelCode) }, this.#name(panelCode));
    return h(
      'li',
      { class: acknowledgedAt ? 'seen' : null },
      h('div', {}, name, h('p', {}, message), when),
      acknowledgedAt ? null : acknowledge,
    );
  }

  async #acknowledge(alertId) {
    try {
      const { alert } = await this.#api.change(ACKNOWLEDGE, { alertId });
      this.#heard({ alert });
      write(this.trouble, '');
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }
}
