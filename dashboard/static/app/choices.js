// Turns what can be chosen into fields of a form: one of several, or any of several.
import { fill, h, write } from './elements.js';

let made = 0;

/** One of several, shaped like a Field; `options` are `[value, words]`. */
export class Choice {
  constructor({ name, label, options, value = null, about = [name] }) {
    const id = `choice-${++made}`;
    this.name = name;
    this.about = about;
    this.trouble = h('span', { class: 'trouble', id: `${id}-trouble` });
    this.input = h('select', { id, name, 'aria-describedby': `${id}-trouble` });
    this.element = h('div', { class: 'field' }, h('label', { for: id }, label), this.input, this.trouble);
    this.offer(options, value);
  }

  /** Offers other options; what was chosen stays where it is still among them. */
  offer(options, value = this.value) {
    fill(
      this.input,
      options.map(([each, words]) => h('option', { value: each, selected: each === value }, words)),
    );
  }

  get value() {
    return this.input.value;
  }

  say(text) {
    write(this.trouble, text);
  }

  blame({ message }) {
    this.say(message);
  }

  /** After it was sent, what was chosen stays. */
  reset() {}
}

/** Any of several, shaped like a Field; `value` is the list of those that are ticked. */
export class Checks {
  constructor({ name, label, options, ticked = [], about = [name] }) {
    this.name = name;
    this.about = about;
    this.trouble = h('span', { class: 'trouble' });
    this.boxes = options.map(([value, words]) => box(value, words, ticked.includes(value)));
    this.input = this.boxes[0]?.querySelector('input') ?? h('input', { type: 'hidden' });
    this.element = h(
      'fieldset',
      { class: 'field checks', 'data-of': name },
      h('legend', {}, label),
      h('div', { class: 'boxes' }, this.boxes),
      this.trouble,
    );
  }

  get value() {
    return [...this.element.querySelectorAll('input:checked')].map(({ value }) => value);
  }

  say(text) {
    write(this.trouble, text);
  }

  blame({ message }) {
    this.say(message);
  }

  reset() {
    for (const input of this.element.querySelectorAll('input')) input.checked = input.defaultChecked;
  }
}

const box = (value, words, checked) => h('label', { class: 'box' }, h('input', { type: 'checkbox', value, checked }), words);
