// Turns one panel into its card: status, live power with the last hour, today, the register, and prepaid units.
import { panelAddress } from './addresses.js';
import { h, write } from './elements.js';
import { ago, energy, money, powerNumber, register, time, zoneName } from './format.js';
import { Prepaid } from './prepaid.js';
import { isReadByPeople, isUsage, todayKwh } from './panel.js';
import { HOUR_MS } from './site.js';
import { Sparkline } from './sparkline.js';

const STATUS = { ONLINE: 'Online', OFFLINE: 'Offline' };

export class PanelCard {
  #panel;
  #parts;

  /** `isAlone` leaves out the link to the panel's own view, in which the card then stands. */
  constructor({ panel, site, api, isAlone = false }) {
    this.#panel = panel;
    this.#parts = {
      status: h('span', { class: 'status' }),
      power: h('strong'),
      seen: h('span', { class: 'seen' }),
      today: h('dd'),
      cost: h('dd'),
      register: h('dd'),
      spark: new Sparkline(),
      prepaid: panel.isPrepaid ? new Prepaid({ panel, site, api, isAlone }) : null,
    };
    this.element = card(panel, this.#parts, { isAlone });
    this.update();
  }

  update() {
    const { reading, today, status, hour } = this.#panel;
    const now_ms = Date.now();
    this.element.dataset.status = status;
    this.element.classList.toggle('unmetered', isReadByPeople(this.#panel));
    this.element.classList.toggle('unread', !reading);
    write(this.#parts.status, STATUS[status]);
    write(this.#parts.power, powerNumber(reading?.kw));
    write(this.#parts.seen, this.#seen(now_ms));
    write(this.#parts.today, energy(todayKwh(this.#panel)));
    write(this.#parts.cost, money(today.cost));
    write(this.#parts.register, register(reading?.register_kwh));
    this.#parts.spark.show(hour, { from_ms: now_ms - HOUR_MS, to_ms: Math.max(now_ms, hour.at_ms.at(-1) ?? 0) });
    this.#parts.prepaid?.update(now_ms);
  }

  end() {
    this.#parts.prepaid?.end();
  }

  #seen(now_ms) {
    const { reading, status, lastSeen_ms, zone } = this.#panel;
    if (isReadByPeople(this.#panel)) return 'No device: what is typed in counts';
    if (!reading) return 'Never heard of';
    if (status === 'OFFLINE') return `Last heard of ${ago(lastSeen_ms ?? reading.at_ms, now_ms)}`;
    return `at ${time(reading.at_ms, { zone, shape: 'second' })} ${zoneName(zone, now_ms)}`.trim();
  }
}

function card(panel, parts, { isAlone }) {
  const place = [panel.location, panel.floor ? `floor ${panel.floor}` : ''].filter(Boolean).join(' · ');
  const name = isAlone ? panel.name : h('a', { href: panelAddress(panel.code) }, panel.name);
  return h(
    'article',
    { class: 'card panel', 'data-code': panel.code, 'aria-label': panel.name },
    h(
      'header',
      {},
      h('h2', {}, name),
      parts.status,
      h('p', { class: 'faint' }, place && h('span', {}, place), h('code', {}, panel.code)),
    ),
    h(
      'div',
      { class: 'now' },
      h('p', { class: 'power' }, h('span', { class: 'figure' }, parts.power, ' ', h('small', {}, 'kW')), parts.seen),
      parts.spark.element,
    ),
    h(
      'dl',
      {},
      row('Today', parts.today),
      isUsage(panel) && row('Cost today', parts.cost),
      row('Register', parts.register),
    ),
    parts.prepaid?.element,
  );
}

const row = (term, value) => h('div', {}, h('dt', {}, term), value);
