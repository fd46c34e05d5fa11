// Turns a panel's month into what it has used and cost so far, and what it will have by its end.
import { fill, h, write } from './elements.js';
import { energy, money, monthName, power, ratio } from './format.js';
import { MONTH_FORECAST, PANEL_MONTH } from './operations.js';
import { isUsage } from './panel.js';
import { monthOf } from './zone.js';

export class PanelMonth {
  #api;
  #panel;

  constructor({ api, panel }) {
    this.#api = api;
    this.#panel = panel;
    this.title = h('h2');
    this.soFar = h('dl');
    this.expected = h('div', { class: 'expected' });
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = h(
      'section',
      { class: 'card of-month', 'aria-label': 'This month' },
      this.title,
      this.soFar,
      this.expected,
      this.trouble,
    );
  }

  async refresh() {
    const { code, zone } = this.#panel;
    const month = monthOf(Date.now(), zone);
    try {
      const found = await this.#api.ask(PANEL_MONTH, { code, ...month });
      if (found.panel) this.#show(found.panel.monthlySummary, month);
      if (!isUsage(this.#panel)) return;
      const expected = await this.#api.ask(MONTH_FORECAST, { code });
      this.#expect(expected.panel?.monthForecast ?? null);
      write(this.trouble, '');
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  #show({ energyKwh, cost, peakKw, averagePowerFactor }, month) {
    write(this.title, `${monthName(month)} so far`);
    if (!this.#panel.reading) return; // nothing meters: what displays say comes with what is expected
    fill(this.soFar, [
      row('Energy', energy(energyKwh)),
      row('Cost', money(cost)),
      row('Peak power', peakKw == null ? '–' : power(peakKw)),
      row('Power factor', ratio(averagePowerFactor)),
    ]);
  }

  /** Of a panel that nothing was ever heard of: what its displays say. */
  #typedIn({ energySoFarKwh, costSoFar }) {
    fill(this.soFar, [row('Energy', energy(energySoFarKwh)), costSoFar && row('Cost', money(costSoFar))]);
  }

  #expect(forecast) {
    this.expected.hidden = !forecast;
    if (!forecast) return;
    const { energy: kwh, cost, energyChangePercent: change } = forecast;
    if (!this.#panel.reading) this.#typedIn(forecast);
    fill(
      this.expected,
      h('h3', {}, 'By the end of the month'),
      h('p', {}, h('b', {}, `about ${energy(kwh.p50Kwh)}`), cost && [' for ', h('b', {}, money(cost.p50))]),
      h('p', { class: 'faint small' }, spread(kwh, cost), change != null && `; ${compared(change)}`),
    );
  }
}

const row = (term, value) => h('div', {}, h('dt', {}, term), h('dd', {}, value));

function spread(kwh, cost) {
  const energies = `in 8 of 10 cases ${energy(kwh.p10Kwh)} to ${energy(kwh.p90Kwh)}`;
  return cost ? `${energies}, ${money(cost.p10)} to ${money(cost.p90)}` : energies;
}

function compared(percent) {
  const rounded = Math.round(Math.abs(percent));
  if (!rounded) return 'as much as last month';
  return `${rounded} % ${percent > 0 ? 'more' : 'less'} than last month`;
}
