// Turns one panel into its own view: its card, its power over a range, its days, its month, tariff and credit.
import { Chart } from './chart.js';
import { batched, h, write } from './elements.js';
import { zoneName } from './format.js';
import { DAILY, POWER } from './operations.js';
import { isReadByPeople, isUsage } from './panel.js';
import { PanelCard } from './panel_card.js';
import { PanelMonth } from './panel_month.js';
import { powerDrawing } from './power_chart.js';
import { PrepaidView } from './prepaid_view.js';
import { add, seriesOf } from './series.js';
import { TariffCard } from './tariff_card.js';
import { typedReadingCard } from './typed_reading.js';
import { usageDrawing } from './usage_chart.js';

const HOUR_MS = 3_600_000;
const RANGES = [
  { range: 'LAST_1H', label: '1 h', span_ms: HOUR_MS, title: 'Power of the last hour' },
  { range: 'LAST_24H', label: '24 h', span_ms: 24 * HOUR_MS, title: 'Power of the last 24 hours' },
  { range: 'LAST_7D', label: '7 d', span_ms: 7 * 24 * HOUR_MS, title: 'Power of the last 7 days' },
  { range: 'LAST_30D', label: '30 d', span_ms: 30 * 24 * HOUR_MS, title: 'Power of the last 30 days' },
  { range: 'LAST_1Y', label: '1 y', span_ms: 365 * 24 * HOUR_MS, title: 'Power of the last year' },
];
const MAX_POINTS = 720;
const MAX_POINTS_OF_HOUR = 3600;
const DAYS = 30;

export class PanelView {
  #api;
  #panel;
  #code;
  #range = RANGES[1];
  #series = null;
  #read_ms = 0;
  #listening = new AbortController();

  /** `alerts` is given to the view of somebody who has this panel alone: it is their whole board. */
  constructor({ api, site, code, alerts = null }) {
    this.#api = api;
    this.#code = code;
    this.#panel = site.panels.get(code);
    this.element = h('div', { class: 'panel-view' }, !alerts && h('a', { class: 'back', href: '#/' }, '‹ All panels'));
    if (this.#panel) this.#build(site, alerts);
    else this.element.append(h('p', { class: 'card empty' }, `There is no panel ${code} among yours.`));
  }

  /** Reads again what time has changed: the days and the month, and a long range when it has moved a little. */
  refresh() {
    if (!this.#panel) return;
    this.#readDays();
    for (const part of [this.month, this.tariff, this.credit]) part?.refresh();
    if (Date.now() - this.#read_ms > this.#range.span_ms / MAX_POINTS) this.#readPower();
  }

  end() {
    this.#listening.abort();
    for (const part of this.#panel ? [this.card, this.power, this.usage, this.credit] : []) part?.end();
  }

  #build(site, alerts) {
    this.card = new PanelCard({ panel: this.#panel, site, api: this.#api, isAlone: true });
    this.power = new Chart({ name: 'power' });
    this.usage = new Chart({ name: 'usage' });
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.days = h(
      'p',
      { class: 'legend' },
      h('i', { class: 'bar-key' }),
      'a day',
      h('i', { class: 'line-key' }),
      '30-day average',
    );
    const given = { api: this.#api, panel: this.#panel };
    this.month = new PanelMonth(given);
    this.tariff = isUsage(this.#panel) ? new TariffCard(given) : null;
    this.typed = this.#panel.isTypedIn ? typedReadingCard({ ...given, site }) : null;
    this.credit = this.#panel.isPrepaid ? new PrepaidView({ ...given, site }) : null;
    this.element.append(...this.#columns(alerts));
    this.#listen(site);
    this.#readPower();
    this.refresh();
  }

  #columns(alerts) {
    const { card, month, tariff, typed, credit } = this;
    return [
      h(
        'div',
        { class: 'beside' },
        card.element,
        alerts?.element,
        credit?.buying,
        typed,
        month.element,
        tariff?.element,
      ),
      h(
        'div',
        { class: 'charts' },
        credit?.outlook.element,
        credit?.ledger.element,
        credit?.landlord?.element,
        this.#measured(),
      ),
    ];
  }

  /** What is typed in has no power, and what displays say has no daily usage either. */
  #measured() {
    const power = this.#powerCard();
    const usage = h('section', { class: 'card' }, heading('Daily usage', this.days), this.usage.element);
    if (!isReadByPeople(this.#panel)) return [power, usage];
    return this.#panel.reading ? [usage] : [];
  }

  #powerCard() {
    this.buttons = RANGES.map((range) =>
      h('button', { type: 'button', class: 'quiet', click: () => this.#choose(range) }, range.label),
    );
    const choice = h('div', { class: 'ranges', role: 'group', 'aria-label': 'Range' }, this.buttons);
    const zone = zoneName(this.#panel.zone, Date.now());
    const note = h('p', { class: 'faint zone' }, `Times of ${this.#panel.zone}${zone && `, ${zone}`}`);
    return h('section', { class: 'card' }, heading('Power', choice), this.power.element, note, this.trouble);
  }

  #listen(site) {
    const { signal } = this.#listening;
    const update = batched(() => {
      this.card.update();
      if (this.#range === RANGES[0]) this.#draw();
    });
    const heard = ({ detail: { code, reading } }) => {
      if (code !== this.#code) return;
      if (reading && this.#series && this.#range === RANGES[0])
        add(this.#series, reading, { span_ms: HOUR_MS, slot_ms: 5000 });
      update(code);
    };
    site.addEventListener('panel', heard, { signal });
  }

  #choose(range) {
    this.#range = range;
    this.#readPower();
  }

  async #readPower() {
    const { range } = this.#range;
    this.buttons.forEach((button, place) => button.setAttribute('aria-pressed', RANGES[place].range === range));
    this.#read_ms = Date.now();
    const maxPoints = this.#range === RANGES[0] ? MAX_POINTS_OF_HOUR : MAX_POINTS;
    const answer = await this.#asked(POWER, { code: this.#code, range, maxPoints });
    if (!answer?.panel || range !== this.#range.range) return;
    this.#series = seriesOf(answer.panel.readings);
    this.#draw();
  }

  #draw() {
    if (!this.#series) return;
    const to_ms = Math.max(Date.now(), this.#series.at_ms.at(-1) ?? 0);
    const { span_ms, title } = this.#range;
    const series = this.#series;
    this.power.show(powerDrawing({ series, from_ms: to_ms - span_ms, to_ms, zone: this.#panel.zone, title }));
  }

  async #readDays() {
    const daily = await this.#asked(DAILY, { code: this.#code, days: DAYS });
    if (daily?.panel) this.usage.show(usageDrawing(daily.panel.dailyUsage));
  }

  async #asked(query, variables) {
    try {
      const data = await this.#api.ask(query, variables);
      write(this.trouble, '');
      return data;
    } catch (trouble) {
      write(this.trouble, trouble.message);
      return null;
    }
  }
}

const heading = (text, beside) => h('header', {}, h('h2', {}, text), beside);
