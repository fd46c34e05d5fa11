// Turns the viewer's open alerts into a list that is live, and each new one into a toast.
import { panelAddress } from './addresses.js';
import { fill, h } from './elements.js';
import { ago } from './format.js';
import { ACKNOWLEDGE, LIVE_ALERTS, OPEN_ALERTS } from './operations.js';

export class Alerts {
  #api;
  #toasts;
  #seen = new Set();

  constructor({ api, toasts }) {
    this.#api = api;
    this.#toasts = toasts;
    this.list = h('ul');
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = h(
      'section',
      { class: 'card alerts', 'aria-label': 'Alerts' },
      h('h2', {}, 'Alerts'),
      this.list,
      this.trouble,
    );
  }

  /** Reads the open alerts again. */
  async refresh() {
    try {
      const { alerts } = await this.#api.ask(OPEN_ALERTS);
      this.#show(alerts.nodes);
    } catch (trouble) {
      this.trouble.textContent = trouble.message;
    }
  }

  /** Subscribes to alerts as they are raised; answers a function that ends it. */
  follow(socket) {
    return socket.subscribe({ query: LIVE_ALERTS, next: ({ alerts }) => this.#heard(alerts.alert) });
  }

  #heard({ id, state, message, panel }) {
    this.refresh();
    if (state !== 'OPEN' || this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#toasts.show({ title: panel.name, text: message, href: panelAddress(panel.code) });
  }

  #show(alerts) {
    this.trouble.textContent = '';
    this.element.classList.toggle('some', alerts.length > 0);
    for (const { id } of alerts) this.#seen.add(id);
    fill(this.list, alerts.length ? alerts.map((alert) => this.#row(alert)) : h('li', { class: 'faint' }, 'Nothing to see to.'));
  }

  #row({ id, panel, message, raisedAt, acknowledgedAt }) {
    const acknowledge = h('button', { type: 'button', class: 'quiet', click: () => this.#acknowledge(id) }, 'Seen');
    return h(
      'li',
      { class: acknowledgedAt ? 'seen' : null },
      h('div', {}, h('a', { href: panelAddress(panel.code) }, panel.name), h('p', {}, message), when(raisedAt)),
      acknowledgedAt ? h('span', { class: 'faint' }, 'seen') : acknowledge,
    );
  }

  async #acknowledge(id) {
    try {
      await this.#api.change(ACKNOWLEDGE, { id });
      await this.refresh();
    } catch (trouble) {
      this.trouble.textContent = trouble.message;
    }
  }
}

const when = (instant) => h('time', { class: 'faint', datetime: instant }, ago(Date.parse(instant), Date.now()));
