// Turns all panels into the sums of this moment: power now, today's energy and cost, how many are online.
import { fill, h, write } from './elements.js';
import { count, energy, money, powerNumber } from './format.js';
import { isReadByPeople, todayKwh } from './panel.js';

export class Overview {
  #site;

  constructor(site) {
    this.#site = site;
    this.of = h('span');
    this.power = h('strong');
    this.today = h('strong');
    this.cost = h('strong');
    this.online = h('strong');
    this.element = h(
      'section',
      { class: 'overview', 'aria-label': 'All panels' },
      tile(this.of, h('span', { class: 'figure' }, this.power, ' ', h('small', {}, 'kW'))),
      tile('Today', this.today),
      tile('Cost today', this.cost),
      tile('Online', this.online),
    );
  }

  update() {
    const panels = [...this.#site.panels.values()];
    const speaking = panels.filter((panel) => !isReadByPeople(panel)); // the others have no device to be online
    const online = speaking.filter(({ status }) => status === 'ONLINE');
    const counted = panels.filter(({ isCounted }) => isCounted); // the parts of a hub share their energy
    this.element.hidden = panels.length < 2;
    write(
      this.of,
      this.#site.hidden ? `Power now, ${count(panels.length)} of ${count(this.#site.totalCount)} panels` : 'Power now',
    );
    write(this.power, powerNumber(sum(counted, ({ status, reading }) => (status === 'ONLINE' && reading?.kw) || 0)));
    write(this.today, energy(sum(counted, todayKwh)));
    fill(
      this.cost,
      costs(counted).map((cost) => h('span', {}, money(cost))),
    );
    write(this.online, `${count(online.length)} of ${count(speaking.length)}`);
  }
}

const tile = (label, value) => h('div', { class: 'tile' }, h('span', { class: 'label' }, label), value);
const sum = (panels, of) => panels.reduce((total, panel) => total + of(panel), 0);

/** One amount a currency, in the order of the panels. */
function costs(panels) {
  const found = new Map();
  for (const { today } of panels) {
    const { amount, currency } = today.cost;
    found.set(currency, (found.get(currency) ?? 0) + Number(amount));
  }
  return [...found].map(([currency, amount]) => ({ currency, amount }));
}
