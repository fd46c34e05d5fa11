// Turns an amount of money, or units, or a token into units on a prepaid panel, with its receipt shown before.
import { Field, Form, NUMBER, plainDigits, settled } from './form.js';
import { fill, h } from './elements.js';
import { money, units } from './format.js';
import { QUOTE, TOP_UP } from './operations.js';
import { receiptOf } from './receipt.js';

const WAYS = { money: 'Money', units: 'Units', token: 'Token' };

export class TopUp {
  #panel;
  #site;
  #api;
  #way = 'money';
  #quote = null;
  #asked = 0;
  hasPaygo = false;

  /** `isWhole` offers all ways to top up, and the whole receipt; otherwise it is an amount of money in one line. */
  constructor({ panel, site, api, isWhole = false }) {
    this.#panel = panel;
    this.#site = site;
    this.#api = api;
    this.isWhole = isWhole;
    this.ways = isWhole ? this.#choice() : null;
    this.quote = h('div', { class: 'quote', role: 'status' });
    this.form = new Form({
      name: 'Top up',
      action: 'Top up',
      kind: isWhole ? 'top-up whole' : 'top-up',
      between: [this.quote],
      send: (key) => this.#send(key),
    });
    this.form.element.addEventListener(
      'input',
      settled(() => this.#ask()),
    );
    this.element = h('div', {}, this.ways, this.form.element);
    this.#choose('money');
  }

  #choice() {
    this.buttons = Object.entries(WAYS).map(([way, label]) =>
      h('button', { type: 'button', class: 'quiet', 'data-way': way, click: () => this.#choose(way) }, label),
    );
    return h('div', { class: 'ranges', role: 'group', 'aria-label': 'Top up by' }, this.buttons);
  }

  /** The panel's OpenPAYGO meter, null without one: its tokens say their units themselves. */
  setPaygo(meter) {
    if (Boolean(meter) === this.hasPaygo) return;
    this.hasPaygo = Boolean(meter);
    if (this.#way === 'token') this.#choose('token');
  }

  #choose(way) {
    this.#way = way;
    this.#quote = null;
    fill(this.quote);
    this.form.say('');
    for (const button of this.buttons ?? []) button.setAttribute('aria-pressed', button.dataset.way === way);
    this.fields = FIELDS[way](this.#panel, this);
    this.form.show(Object.values(this.fields));
  }

  /** Shows what would be bought. What cannot be is said when it is sent, not while it is being typed. */
  async #ask() {
    const asked = ++this.#asked;
    this.#quote = null;
    const wish = this.#wish();
    const answer = wish && (await this.#api.ask(QUOTE, { code: this.#panel.code, ...wish }).catch(() => null));
    if (asked !== this.#asked) return;
    this.#quote = answer?.panel?.prepaid?.quote ?? null;
    fill(this.quote, this.#quote && this.#told(this.#quote));
  }

  #wish() {
    const { amount, units: wanted } = this.fields;
    const digits = plainDigits((amount ?? wanted)?.value ?? '');
    if (!(Number(digits) > 0)) return null;
    return amount ? { amount: { amount: digits, currency: this.#panel.currency } } : { unitsKwh: digits };
  }

  #told(quote) {
    return this.isWhole ? receiptOf(quote) : h('p', { class: 'faint' }, `buys ${units(quote.addedKwh)}`);
  }

  async #send(key) {
    const bought = await this.#bought();
    const input = { panelCode: this.#panel.code, ...bought, idempotencyKey: key };
    const { entry } = await this.#api.once(TOP_UP, input);
    this.#asked += 1;
    fill(this.quote);
    this.#site.refreshSoon(this.#panel.code);
    return entry.paid
      ? `${money(entry.paid)} bought ${units(entry.unitsKwh)}.`
      : `${units(entry.unitsKwh)} were credited.`;
  }

  /** What is sent: money as it was typed or as it was quoted for the units, or a token. */
  async #bought() {
    const { amount, units: wanted, token, slip } = this.fields;
    if (amount) return { amount: { amount: amount.decimal, currency: this.#panel.currency } };
    if (token) return { token: token.value, unitsKwh: slip ? slip.decimal : null };
    const { panel } = await this.#api.ask(QUOTE, { code: this.#panel.code, unitsKwh: wanted.decimal });
    const { amount: price, currency } = panel.prepaid.quote.gross;
    return { amount: { amount: price, currency } };
  }
}

const FIELDS = {
  money: ({ currency }, { isWhole }) => ({
    amount: new Field({
      ...NUMBER,
      name: 'amount',
      label: isWhole ? `Amount in ${currency}` : h('span', { class: 'unseen' }, `Amount in ${currency}`),
      unit: currency,
      placeholder: isWhole ? '5000' : 'Amount',
    }),
  }),
  units: () => ({
    units: new Field({
      ...NUMBER,
      name: 'units',
      label: 'Units in kWh',
      unit: 'kWh',
      placeholder: '20',
      about: ['unitsKwh', 'amount'],
    }),
  }),
  token: (_, { hasPaygo }) => (hasPaygo ? { token: paygoToken() } : { token: slipToken(), slip: slipUnits() }),
};

const TOKEN = { name: 'token', label: 'Token', inputmode: 'numeric', required: true, maxlength: 40 };

const paygoToken = () =>
  new Field({ ...TOKEN, placeholder: '123 456 789', hint: 'The digits of the OpenPAYGO token, which says its units.' });

const slipToken = () =>
  new Field({ ...TOKEN, placeholder: '1234 5678 9012 3456 7890', hint: 'The 20 digits on the slip.' });

const slipUnits = () =>
  new Field({
    ...NUMBER,
    name: 'slip',
    label: 'Units on the slip in kWh',
    unit: 'kWh',
    placeholder: '20',
    about: ['unitsKwh', 'amount'],
  });
