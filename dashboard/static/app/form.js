// Turns fields and what sends them into a form: a label each, what is wrong beside the field, and nothing sent twice.
import { Trouble } from './api.js';
import { fill, h, write } from './elements.js';
import { grouped, groupSign } from './format.js';
import { newKey } from './keys.js';

const PLAIN = /^-?\d+(\.\d+)?$/;
const SPACED = /^-?\d{1,3}(\s\d{3})+(\.\d+)?$/;
const COMMAED = /^-?\d{1,3}(,\d{3})+(\.\d+)?$/;
const UNKNOWN = ['UNREACHABLE', 'DATABASE_UNAVAILABLE', 'QUERY_TIMEOUT', 'INTERNAL'];
const SAFE = 'It is safe to send it again: it counts once.';
let made = 0;

/**
 * A field with its label, its unit and room for what is wrong with it. `about` are the server's names of what is
 * written into it, where they are not its own name.
 */
export class Field {
  constructor({ name, label, unit = null, hint = null, about = [name], ...attributes }) {
    const id = `field-${++made}`;
    this.name = name;
    this.about = about;
    this.trouble = h('span', { class: 'trouble', id: `${id}-trouble` });
    const described = hint ? `${id}-hint ${id}-trouble` : `${id}-trouble`;
    const shape = { type: 'text', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': described };
    this.input = h('input', { ...shape, ...attributes, id, name });
    this.element = h(
      'div',
      { class: 'field' },
      h('label', { for: id }, label),
      h('span', { class: 'entry' }, this.input, unit && h('span', { class: 'unit-of', 'aria-hidden': 'true' }, unit)),
      hint && h('span', { class: 'faint hint', id: `${id}-hint` }, hint),
      this.trouble,
    );
  }

  get value() {
    return this.input.value.trim();
  }

  set value(text) {
    this.input.value = text;
  }

  /** What is written, as a number in plain digits. */
  get decimal() {
    const digits = plainDigits(this.value);
    if (digits) return digits;
    throw new Trouble(`Write plain digits, like ${this.input.placeholder || '12.5'}.`, {
      code: 'BAD_INPUT',
      field: this.about[0],
    });
  }

  /** After it was sent, it stands as in the beginning. */
  reset() {
    this.value = this.input.defaultValue;
  }

  say(text) {
    write(this.trouble, text);
    this.input.toggleAttribute('aria-invalid', Boolean(text));
  }

  /** Says what the server says is wrong; its name of the field is for who writes apps, the label stands above. */
  blame({ message }) {
    const name = this.about.find((known) => message.startsWith(`${known} `));
    this.say(grouped(name ? `This${message.slice(name.length)}` : message));
  }
}

/**
 * "5 000" and "1,500.50" in plain digits; null for what is no number, or not the same one to everybody: where commas
 * part decimals, "1,500" is one and a half.
 */
export function plainDigits(text, isByCommas = groupSign() === ',') {
  if (PLAIN.test(text)) return text;
  if (SPACED.test(text)) return text.replace(/\s/g, '');
  const isClear = isByCommas || /,.*[,.]/.test(text);
  return COMMAED.test(text) && isClear ? text.replaceAll(',', '') : null;
}

/** The attributes of a field for a number: a phone shows its digits. */
export const NUMBER = { inputmode: 'decimal', maxlength: 15, required: true };

export class Form {
  #send;
  #fields = [];
  #key = null;
  #isSending = false;
  #isOnce;

  /**
   * `send(key)` makes the change and answers what to say of it; it throws a Trouble. The key belongs to what is
   * written: the same sent again is the same change, anything else another one. Without `isOnce` the key is not used,
   * and nothing is said about sending it again.
   */
  constructor({ name, action, send, fields = [], kind = '', between = [], isOnce = true }) {
    this.#send = send;
    this.#isOnce = isOnce;
    this.outcome = h('p', { class: 'outcome', role: 'status' });
    this.room = h('div', { class: 'fields' });
    this.button = h('button', { type: 'submit', class: 'main' }, action);
    this.element = h(
      'form',
      { class: `form ${kind}`.trim(), 'aria-label': name, novalidate: true, submit: (event) => this.#submit(event) },
      this.room,
      between,
      this.button,
      this.outcome,
    );
    this.element.addEventListener('input', (event) => this.#typed(event.target));
    this.show(fields);
  }

  /** Shows these fields instead of those before. */
  show(fields) {
    this.#fields = fields;
    this.#key = null;
    fill(
      this.room,
      fields.map(({ element }) => element),
    );
  }

  /** Says how it went: nothing, something, or what is wrong. */
  say(text, { isTrouble = false } = {}) {
    this.outcome.classList.toggle('trouble', isTrouble);
    write(this.outcome, text);
  }

  /** What was said of the field before is not about what is being typed. */
  #typed(input) {
    this.#key = null;
    this.#fields.find((field) => field.input === input)?.say('');
    this.say('');
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#isSending) return;
    this.#begin(true);
    try {
      const said = await this.#send((this.#key ??= newKey()));
      this.#key = null;
      for (const field of this.#fields) field.reset();
      this.say(said ?? '');
    } catch (trouble) {
      this.#refused(trouble);
    }
    this.#begin(false);
  }

  #begin(isSending) {
    this.#isSending = isSending;
    this.button.setAttribute('aria-disabled', isSending); // disabled, it would lose the focus
    if (!isSending) return;
    this.say('');
    for (const field of this.#fields) field.say('');
  }

  #refused(trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    const field = this.#fields.find(({ about }) => about.includes(trouble.field?.split('.')[0]));
    field?.blame(trouble);
    field?.input.focus();
    const again = this.#isOnce && UNKNOWN.includes(trouble.code) ? ` ${SAFE}` : '';
    this.say(field ? '' : trouble.message + again, { isTrouble: !field });
  }
}

/** A function that calls `then` once nothing more was typed for a moment; only the last counts. */
export function settled(then, after_ms = 300) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => then(...given), after_ms);
  };
}
