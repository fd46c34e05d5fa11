// Turns "if I topped up so much and used so much less" into how long the units would last, while it is being typed.
import { between } from './depletion_band.js';
import { fill, h, write } from './elements.js';
import { Field, NUMBER, settled } from './form.js';
import { about } from './format.js';
import { isUsedUp, lasting } from './forecast_words.js';
import { WHAT_IF } from './operations.js';

export class WhatIf {
  #panel;
  #api;
  #asked;
  #count = 0;

  /** `asked` is given each answer, null when nothing is asked any more, and answers the forecast as it is. */
  constructor({ panel, api, asked }) {
    this.#panel = panel;
    this.#api = api;
    this.#asked = asked;
    this.amount = new Field({
      ...NUMBER,
      required: false,
      name: 'what-if-amount',
      label: `If I top up, in ${panel.currency}`,
      unit: panel.currency,
      placeholder: '5000',
    });
    this.less = h('input', { type: 'range', min: 0, max: 80, step: 5, value: 0, id: `less-${panel.code}` });
    this.lessWords = h('output', { for: this.less.id }, '0 %');
    this.words = h('p', { class: 'what-if-words', role: 'status' });
    this.element = h(
      'form',
      { class: 'what-if', 'aria-label': 'What if', novalidate: true, submit: (event) => event.preventDefault() },
      h('h3', {}, 'What if'),
      this.amount.element,
      h(
        'div',
        { class: 'field' },
        h('label', { for: this.less.id }, 'and use less by ', this.lessWords),
        h('span', { class: 'entry' }, this.less),
      ),
      this.words,
    );
    const ask = settled(() => this.#ask(), 350);
    this.element.addEventListener('input', () => {
      write(this.lessWords, `${this.less.value} %`);
      ask();
    });
  }

  async #ask() {
    const count = ++this.#count;
    this.amount.say('');
    try {
      const wish = this.#wish();
      const answer = wish && (await this.#api.ask(WHAT_IF, { code: this.#panel.code, ...wish }));
      if (count === this.#count) this.#show(answer?.panel?.prepaid?.whatIf ?? null);
    } catch (trouble) {
      if (count === this.#count) this.#refused(trouble);
    }
  }

  #wish() {
    const amount = this.amount.value && Number(this.amount.decimal) ? this.amount.decimal : null;
    const less = Number(this.less.value);
    if (!amount && !less) return null;
    return { amount: amount && { amount, currency: this.#panel.currency }, less };
  }

  #show(forecast) {
    const now = this.#asked(forecast);
    fill(this.words, forecast && sentence(forecast, now, this.#panel.zone));
  }

  #refused(trouble) {
    this.#show(null);
    this.amount.blame(trouble);
  }
}

function sentence(forecast, now, zone) {
  const change = now && difference(now, forecast);
  const ends = isUsedUp(forecast) ? [] : [': ', between(forecast.depletesAt, { zone, now_ms: Date.now() })];
  return [h('b', {}, `Then ${lasting(forecast)}`), ends, change && `; ${change}`, '.'];
}

/** By how much the median moved: "3 days longer"; nothing where it hardly did. */
function difference(now, then) {
  const days = (then.daysLeft ?? NaN) - (now.daysLeft ?? NaN);
  if (!(Math.abs(days) >= 1 / 48)) return '';
  return `${about(Math.abs(days))} ${days > 0 ? 'longer' : 'shorter'} than now`;
}
