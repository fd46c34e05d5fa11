// Turns a password, or a code where somebody has none, into the proof that it is they who have the session.
import { REQUEST_CONFIRMATION } from './account_operations.js';
import { Trouble } from './api.js';
import { codeField, sentWords } from './contact_codes.js';
import { fill, h, write } from './elements.js';
import { Field } from './form.js';

/** Shaped like a Field of a form; `value` is the input of `proof`. */
export class Proof {
  #challenge = null;

  constructor(api) {
    this.name = 'proof';
    this.about = ['proof', 'password', 'code', 'currentPassword'];
    this.password = new Field({ name: 'proof', label: 'Your password', type: 'password', autocomplete: 'current-password' });
    this.code = codeField('Code that was sent');
    this.other = h('button', { type: 'button', class: 'link small', click: () => this.#send(api) }, 'Send me a code instead');
    this.said = h('span', { class: 'faint small', role: 'status' });
    this.element = h('div', { class: 'proof' });
    this.#use(this.password);
  }

  get value() {
    const typed = this.field.input.value;
    return this.#challenge ? { challengeId: this.#challenge.id, code: typed } : { password: typed };
  }

  get input() {
    return this.field.input;
  }

  say(text) {
    this.field.say(text);
  }

  blame(trouble) {
    this.field.say(trouble.message);
  }

  reset() {
    this.field.reset();
  }

  #use(field) {
    this.field = field;
    fill(this.element, field.element, this.said, this.other);
  }

  async #send(api) {
    this.other.disabled = true;
    try {
      this.#challenge = (await api.change(REQUEST_CONFIRMATION)).challenge;
      write(this.said, sentWords(this.#challenge));
      write(this.other, 'Send another code');
      this.#use(this.code);
      this.code.input.focus();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      write(this.said, error.message);
    }
    this.other.disabled = false;
  }
}
