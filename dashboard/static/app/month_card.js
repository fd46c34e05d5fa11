// Turns a month into each panel's share of it and the building's total.
import { panelAddress } from './addresses.js';
import { fill, h, write } from './elements.js';
import { energy, money, monthName } from './format.js';
import { MONTH } from './operations.js';
import { monthOf } from './zone.js';

const MOST_ROWS = 10;

export class MonthCard {
  #api;
  #site;
  #back = 0;

  constructor({ api, site }) {
    this.#api = api;
    this.#site = site;
    this.name = h('h2', { 'aria-live': 'polite' });
    this.total = h('div', { class: 'total' });
    this.rows = h('ul');
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.later = h(
      'button',
      { type: 'button', class: 'quiet', 'aria-label': 'Next month', click: () => this.#turn(-1) },
      '›',
    );
    const earlier = { type: 'button', class: 'quiet', 'aria-label': 'Month before', click: () => this.#turn(1) };
    this.element = h(
      'section',
      { class: 'card month', 'aria-label': 'Building total of the month' },
      h('header', {}, this.name, h('div', { class: 'turn' }, h('button', earlier, '‹'), this.later)),
      this.total,
      this.rows,
      this.trouble,
    );
  }

  /** Reads the month again; there is nothing to add up for a single panel. */
  async refresh() {
    const panels = [...this.#site.panels.values()];
    this.element.hidden = panels.length < 2;
    if (panels.length < 2) return;
    const asked = this.#month(panels[0].zone);
    write(this.name, monthName(asked));
    this.later.disabled = this.#back === 0;
    try {
      const { monthlySummary } = await this.#api.ask(MONTH, asked);
      if (this.name.textContent === monthName(asked)) this.#show(monthlySummary);
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  #turn(by) {
    this.#back = Math.max(this.#back + by, 0);
    this.refresh();
  }

  #month(zone) {
    const { year, month } = monthOf(Date.now(), zone);
    const months = year * 12 + month - 1 - this.#back;
    return { year: Math.floor(months / 12), month: (months % 12) + 1 };
  }

  #show({ panels, total }) {
    const most = Math.max(...panels.map(({ energyKwh }) => energyKwh), 1e-9);
    const ordered = panels.toSorted((one, other) => other.energyKwh - one.energyKwh);
    write(this.trouble, '');
    fill(
      this.total,
      h('strong', {}, energy(total.energyKwh)),
      total.cost.map((cost) => h('span', {}, money(cost))),
    );
    const isMetered = ({ code }) => !this.#site.panels.has(code) || this.#site.panels.get(code).reading != null;
    const shares = ordered
      .slice(0, MOST_ROWS)
      .map((each) => (isMetered(each.panel) ? share(each, each.energyKwh / most) : unmetered(each)));
    const left = ordered.length - shares.length;
    fill(this.rows, shares, left > 0 && h('li', { class: 'faint' }, `and ${left} more`));
  }
}

const unmetered = ({ panel }) =>
  h(
    'li',
    {},
    h('a', { href: panelAddress(panel.code) }, panel.name),
    h('span', { class: 'faint' }, 'not metered'),
    h('i', { class: 'share' }),
  );

function share({ panel, energyKwh, cost }, part) {
  const bar = h('i', { class: 'share' });
  bar.style.setProperty('--part', part);
  return h(
    'li',
    {},
    h('a', { href: panelAddress(panel.code) }, panel.name),
    h('span', {}, energy(energyKwh)),
    bar,
    h('span', { class: 'faint' }, money(cost)),
  );
}
