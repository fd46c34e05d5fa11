// Turns a prepaid panel's forecast into charts and sentences, and a "what if" into another line and what it changes.
import { balanceDrawing } from './balance_chart.js';
import { Chart } from './chart.js';
import { between } from './depletion_band.js';
import { fill, h, write } from './elements.js';
import { fanDrawing } from './fan_chart.js';
import { isUsedUp, judged, lasting, making } from './forecast_words.js';
import { OUTLOOK } from './operations.js';
import { runDown } from './run_down.js';
import { WhatIf } from './what_if.js';

const SPANS = { day: 'By day', hour: 'By hour' };
const HOURS = 48;

export class Outlook {
  #panel;
  #api;
  #forecast = null;
  #other = null;
  #span = 'day';

  constructor({ panel, api }) {
    this.#panel = panel;
    this.#api = api;
    this.balance = new Chart({ name: 'balance' });
    this.fan = new Chart({ name: 'fan' });
    this.words = h('p', { class: 'outlook-words' });
    this.method = h('p', { class: 'faint small' });
    this.judged = h('p', { class: 'faint small backtest' });
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.whatIf = new WhatIf({ panel, api, asked: (forecast) => this.#compare(forecast) });
    this.element = h('div', { class: 'outlook' }, this.#balanceCard(), this.#usageCard());
  }

  /** Reads the forecast again. */
  async refresh() {
    try {
      const { panel } = await this.#api.ask(OUTLOOK, { code: this.#panel.code });
      this.#show(panel.prepaid?.forecast ?? null);
      write(this.trouble, '');
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  end() {
    this.balance.end();
    this.fan.end();
  }

  #balanceCard() {
    const keys = [h('i', { class: 'fan-line-key' }), 'likely', h('i', { class: 'fan-key' }), '8 of 10 cases'];
    return h(
      'section',
      { class: 'card', 'aria-label': 'How long the units last' },
      h('header', {}, h('h2', {}, 'How long the units last'), h('p', { class: 'legend' }, keys)),
      this.words,
      this.balance.element,
      this.whatIf.element,
      this.method,
      this.judged,
      this.trouble,
    );
  }

  #usageCard() {
    this.buttons = Object.entries(SPANS).map(([span, label]) =>
      h('button', { type: 'button', class: 'quiet', 'data-span': span, click: () => this.#choose(span) }, label),
    );
    const choice = h('div', { class: 'ranges', role: 'group', 'aria-label': 'Spans' }, this.buttons);
    this.usage = h(
      'section',
      { class: 'card', 'aria-label': 'Expected usage' },
      h('header', {}, h('h2', {}, 'Expected usage'), choice),
      this.fan.element,
    );
    return this.usage;
  }

  #choose(span) {
    this.#span = span;
    this.#draw();
  }

  #compare(forecast) {
    this.#other = forecast;
    this.#draw();
    return this.#forecast;
  }

  #show(forecast) {
    this.#forecast = forecast;
    this.usage.hidden = !forecast;
    this.whatIf.element.hidden = !forecast;
    if (!forecast) return fill(this.words, 'It is known once there are readings, or the display was recorded twice.');
    const { zone } = this.#panel;
    const ends = isUsedUp(forecast) ? [] : [': ', between(forecast.depletesAt, { zone, now_ms: Date.now() })];
    fill(this.words, h('b', {}, capital(lasting(forecast))), ends, '.');
    write(this.method, making(forecast, Date.now()));
    write(this.judged, judged(forecast.backtest));
    this.#draw();
  }

  #draw() {
    for (const button of this.buttons) button.setAttribute('aria-pressed', button.dataset.span === this.#span);
    const forecast = this.#forecast;
    if (!forecast) return;
    const { zone } = this.#panel;
    this.balance.element.hidden = !(Number(forecast.balanceKwh) > 0 || this.#other);
    const other = this.#other && runDown(this.#other);
    this.balance.show(balanceDrawing({ balance: runDown(forecast), other, zone }));
    const { daily, hourly } = forecast.expectedUsage;
    const columns = this.#span === 'day' ? daily : firstOf(hourly, HOURS);
    this.fan.show(fanDrawing({ columns, zone, span: this.#span }));
  }
}

const firstOf = (columns, count) =>
  Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(0, count)]));

const capital = (text) => text[0].toUpperCase() + text.slice(1);
