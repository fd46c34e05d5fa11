// Turns a tenancy that is over into what stays of it: the use of its own time, and what was bought within it.
import { Chart } from './chart.js';
import { h } from './elements.js';
import { energy, money, time, units } from './format.js';
import { OWN_TENANCIES, PAST_TENANCY } from './letting_operations.js';
import { card, Part } from './page_part.js';
import { termWords } from './terms.js';
import { usageDrawing } from './usage_chart.js';

const DAY_MS = 86_400_000;
const MOST_DAYS = 92;
const SHOWN = 8;
const LONGEST_MS = 3650 * DAY_MS;
const KINDS = {
  TOP_UP: 'Top-up',
  BALANCE_READING: 'Display',
  EMERGENCY_CREDIT: 'Emergency credit',
  DEBT: 'Debt',
  REVERSAL: 'Taken back',
};

export class TenancyView {
  #api;
  #charts = [];

  constructor({ api, id }) {
    this.#api = api;
    this.part = new Part({ api, query: OWN_TENANCIES, shown: ({ viewer }) => this.#of(viewer.tenancies.nodes, id) });
    this.element = h(
      'div',
      { class: 'page narrow' },
      h('a', { class: 'back', href: '#/renting' }, '‹ What you rent'),
      this.part.element,
    );
    this.part.refresh();
  }

  end() {
    for (const chart of this.#charts) chart.end();
  }

  /** Its time is known first, and then what was used within it. */
  #of(tenancies, id) {
    const tenancy = tenancies.find((each) => each.id === id);
    if (!tenancy) return h('p', { class: 'card empty' }, 'There is no such tenancy of yours.');
    const period = periodOf(tenancy);
    const details = new Part({
      api: this.#api,
      query: PAST_TENANCY,
      variables: () => period,
      shown: ({ viewer }) => viewer.tenancies.nodes.find((each) => each.id === id).panels.map((panel) => this.#panel(panel, period)),
    });
    details.refresh();
    return [
      h('header', {}, h('h1', {}, tenancy.propertyName ?? 'A property that is no more'), h('p', { class: 'faint' }, termWords(tenancy))),
      details.element,
    ];
  }

  #panel({ code, name, isPrepaid, statistics, usage, ledger }, { step }) {
    const chart = new Chart({ name: 'usage' });
    this.#charts.push(chart);
    chart.show(usageDrawing(columnsOf(usage), { isMonthly: step === 'MONTH' }));
    const bars = step === 'DAY' ? 'a day' : 'a month';
    return card(
      `${name} (${code})`,
      h('p', {}, h('b', {}, energy(statistics.energyKwh)), `, ${money(statistics.cost)} in your time`),
      h('p', { class: 'legend' }, h('i', { class: 'bar-key' }), bars),
      chart.element,
      isPrepaid && [h('h3', {}, 'Top-ups and readings'), ledgerList(ledger.nodes)],
    );
  }
}

/** The time of the tenancy, in days, or in months where it is long. */
function periodOf({ startsAt, endsAt }) {
  const to_ms = endsAt ? Math.min(Date.parse(endsAt), Date.now()) : Date.now();
  const from_ms = Math.max(Date.parse(startsAt), to_ms - LONGEST_MS);
  const step = to_ms - from_ms > MOST_DAYS * DAY_MS ? 'MONTH' : 'DAY';
  return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString(), step };
}

/** The columns of a usage series in the shape of daily usage. */
const columnsOf = ({ from, energyKwh, isPartial }) => ({
  date: from.map((at) => at.slice(0, 10)),
  energyKwh,
  isPartial,
  movingAverage30dKwh: energyKwh.map(() => null),
  averageDailyKwh: null,
});

function ledgerList(entries) {
  if (!entries.length) return h('p', { class: 'faint' }, 'Nothing was bought within it.');
  const rows = (some) => h('ul', { class: 'rows' }, some.map(ledgerRow));
  const earlier = entries.slice(SHOWN);
  return [rows(entries.slice(0, SHOWN)), earlier.length > 0 && h('details', {}, h('summary', {}, 'Earlier'), rows(earlier))];
}

function ledgerRow({ at, kind, unitsKwh, shownKwh, paid, reversedBy, reason }) {
  const amount = kind === 'BALANCE_READING' ? units(shownKwh) : units(unitsKwh);
  const what = [KINDS[kind] ?? kind, paid && money(paid), reversedBy && 'taken back', reason].filter(Boolean).join(' · ');
  const when = time(`${at.slice(0, 16)}:00Z`, { zone: 'UTC', shape: 'dateClock' });
  return h('li', { class: 'entry-row' }, h('div', {}, h('b', {}, what), h('p', { class: 'faint small' }, when)), h('b', {}, amount));
}
