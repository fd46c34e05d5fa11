// Turns an amount of money into units on a prepaid panel, once, however often the network makes it be sent.
import { Trouble } from './api.js';
import { h, write } from './elements.js';
import { exactMoney, units } from './format.js';
import { TOP_UP } from './operations.js';

export class TopUp {
  #panel;
  #site;
  #api;
  #key = null;

  constructor({ panel, site, api }) {
    this.outcome = h('p', { class: 'outcome', role: 'status' });
    this.#panel = panel;
    this.#site = site;
    this.#api = api;
    // The key belongs to the amount: the same sent again is the same top-up, another amount is another one.
    this.amount = h('input', {
      ...AMOUNT,
      'aria-label': `Amount in ${panel.currency}`,
      input: () => (this.#key = null),
    });
    this.button = h('button', { type: 'submit', class: 'main' }, 'Top up');
    this.element = h(
      'form',
      { class: 'top-up', 'aria-label': 'Top up', submit: (event) => this.#submit(event) },
      h('label', { class: 'amount' }, this.amount, h('span', {}, panel.currency)),
      this.button,
      this.outcome,
    );
  }

  /** What was not answered is sent again under the same key: then it was credited once, and is told as that. */
  async #submit(event) {
    event.preventDefault();
    this.button.disabled = true;
    this.#key ??= newKey();
    try {
      const { topUp } = await this.#api.ask(TOP_UP, { input: this.#input() });
      if (!topUp.entry) throw new Trouble(topUp.refusal.message, topUp.refusal);
      this.#credited(topUp.entry);
    } catch (trouble) {
      this.#say(trouble.message, { isTrouble: true });
    }
    this.button.disabled = false;
  }

  /** Plain digits only: "1,000" is a thousand to one person and one to the next, and it is money. */
  #input() {
    const written = this.amount.value.trim();
    if (!/^-?\d+(\.\d+)?$/.test(written)) throw new Trouble('Write the amount in plain digits, like 5000 or 99.50.');
    const amount = { amount: written, currency: this.#panel.currency };
    return { panelCode: this.#panel.code, amount, idempotencyKey: this.#key };
  }

  #credited({ paid, unitsKwh }) {
    this.#key = null;
    this.amount.value = '';
    this.#say(`${exactMoney(paid)} bought ${units(unitsKwh)}.`, { isTrouble: false });
    this.#site.refreshSoon();
  }

  #say(text, { isTrouble }) {
    this.outcome.classList.toggle('trouble', isTrouble);
    this.amount.toggleAttribute('aria-invalid', isTrouble);
    write(this.outcome, text);
  }
}

const AMOUNT = {
  name: 'amount',
  type: 'text',
  inputmode: 'decimal',
  required: true,
  placeholder: 'Amount',
  maxlength: 20,
};

/** A UUID; crypto.randomUUID is missing where the page was not loaded over https or from this machine. */
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
