// Turns a panel's tariff into what a kWh costs now and when: its bands over the week, its blocks, charges and taxes.
import { fill, h, write } from './elements.js';
import { money, price, time, units } from './format.js';
import { TARIFF } from './operations.js';
import { bandKey, weekGrid, weekOf } from './tariff_week.js';
import { monthOf } from './zone.js';

const PER = { DAY: 'a day', MONTH: 'a month' };

export class TariffCard {
  #panel;
  #api;

  constructor({ panel, api }) {
    this.#panel = panel;
    this.#api = api;
    this.name = h('p', { class: 'faint' });
    this.now = h('p', { class: 'price-now' });
    this.body = h('div', { class: 'tariff-body' });
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = h(
      'section',
      { class: 'card tariff', 'aria-label': 'Tariff', hidden: true },
      h('header', {}, h('h2', {}, 'Tariff'), this.name),
      this.now,
      this.body,
      this.trouble,
    );
  }

  async refresh() {
    try {
      const { panel } = await this.#api.ask(TARIFF, { code: this.#panel.code });
      this.#show(panel);
      write(this.trouble, '');
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  #show({ tariff, currentPrice }) {
    this.element.hidden = false;
    write(this.name, tariff.name);
    const name = tariff.bands.length > 1 ? currentPrice.bandName : '';
    fill(this.now, priceNow({ ...currentPrice, bandName: name }, this.#panel.zone));
    fill(this.body, week(tariff, this.#panel.zone), bands(tariff), charges(tariff), tariff.note && noted(tariff.note));
  }
}

function priceNow({ priceWithTaxes, currency, bandName, changesAt, changesAtKwh }, zone) {
  const told = price({ amount: priceWithTaxes, currency });
  const ends = changesAt && `until ${time(changesAt, { zone, shape: 'weekdayTime' })}`;
  const steps = changesAtKwh && `up to ${units(changesAtKwh)} this month`;
  const limits = [ends, steps].filter(Boolean).join(' or ');
  return [
    h('b', {}, told),
    ` a kWh now, taxes included${[bandName, limits]
      .filter(Boolean)
      .map((each) => `, ${each}`)
      .join('')}.`,
  ];
}

/** Nothing where a kWh costs the same at any hour. */
function week({ bands: all, timeZone }, zone) {
  if (all.length < 2) return null;
  const { month } = monthOf(Date.now(), timeZone ?? zone);
  const names = all.map(({ name }) => name).join(', ');
  const ranks = ranksOf(all);
  const days = weekOf(all, month).map((steps) => steps.map((band) => ranks[band]));
  return weekGrid(days, { summary: `The week's hours of ${names}, as the list below says` });
}

/** The place of each band by its price, the cheapest first: what it is coloured by. */
function ranksOf(all) {
  const dearness = ({ blocks }) => Number(blocks[0].priceWithTaxes);
  const ordered = all.toSorted((one, other) => dearness(one) - dearness(other));
  return all.map((band) => ordered.indexOf(band));
}

/** Nothing where one price says it all. */
function bands({ bands: all, currency }) {
  if (all.length === 1 && all[0].blocks.length === 1) return null;
  const ranks = ranksOf(all);
  const rows = all.map(({ name, blocks, windows }, place) =>
    h(
      'li',
      {},
      h('span', {}, all.length > 1 && bandKey(ranks[place]), name),
      h(
        'span',
        {},
        blocks.map((block) => h('span', { class: 'block' }, blockWords(block, blocks.length > 1, currency))),
      ),
      all.length > 1 && h('span', { class: 'faint small' }, hours(windows)),
    ),
  );
  return h('ul', { class: 'bands' }, rows);
}

function blockWords({ fromKwh, toKwh, priceWithTaxes }, isOneOfMany, currency) {
  const told = `${price({ amount: priceWithTaxes, currency })} a kWh`;
  if (!isOneOfMany) return told;
  return toKwh == null ? `${told} from ${units(fromKwh)} on` : `${told} up to ${units(toKwh)} of the month`;
}

/** "07:00–22:00 Mon–Fri": each of the windows once. */
const hours = (windows) =>
  windows.length === 0
    ? 'all other hours'
    : windows.map(({ fromTime, toTime, weekdays }) => `${fromTime}–${toTime} ${daysOf(weekdays)}`.trim()).join(', ');

const short = (day) => day[0] + day.slice(1, 3).toLowerCase();

function daysOf(weekdays) {
  if (weekdays.length === 7) return '';
  return weekdays.length > 2 ? `${short(weekdays[0])}–${short(weekdays.at(-1))}` : weekdays.map(short).join(', ');
}

function charges({ standingCharges, minimumCharge, taxes, vending, currency }) {
  const told = (amount) => money({ amount, currency });
  const rows = [
    ...standingCharges.map(({ name, amount, per }) => [name, `${told(amount)} ${PER[per]}`]),
    minimumCharge && ['At least', `${told(minimumCharge)} a month`],
    ...taxes.map(({ name, percent }) => [name, `${Number(percent)} %`]),
    ...vending.fees.map(({ name, amount, percent }) => [name, fee(told, amount, percent)]),
    vending.stampDuty && ['Stamp duty', `${told(vending.stampDuty.amount)} above ${told(vending.stampDuty.above)}`],
    Number(vending.debtPercent) > 0 && ['Debt', `${Number(vending.debtPercent)} % of each top-up until it is paid`],
    vending.minimum && ['Least top-up', told(vending.minimum)],
  ].filter(Boolean);
  return rows.length > 0 && h('dl', { class: 'receipt' }, rows.map(row));
}

const fee = (told, amount, percent) =>
  [Number(amount) > 0 && told(amount), Number(percent) > 0 && `${Number(percent)} %`].filter(Boolean).join(' and ');

const row = ([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value));
const noted = (note) => h('p', { class: 'faint small' }, note);
