// Turns an authenticator app on and off, with its QR code and the codes for a lost phone.
import { CONFIRM_SECOND_FACTOR, DISABLE_SECOND_FACTOR, START_SECOND_FACTOR } from './account_operations.js';
import { codeField } from './contact_codes.js';
import { fill, h } from './elements.js';
import { Field, Form } from './form.js';
import { count } from './format.js';
import { card } from './page_part.js';
import { Proof } from './proof.js';
import { qrCode } from './qr_code.js';
import { ShownOnce } from './shown_once.js';

const FILE = 'kilowatch-recovery-codes.txt';
const CODES = 'Recovery codes for when your phone is lost, each good once. Keep them where you find them without it.';

export class SecondFactorCard {
  #api;
  #changed;
  #isOn = null;

  constructor({ api, changed }) {
    this.#api = api;
    this.#changed = changed;
    this.room = h('div', { class: 'stack' });
    this.codes = new ShownOnce();
    this.element = card('Second factor', this.room, this.codes.element);
  }

  /** Nothing moves under the hands of who is setting it up. */
  show({ isOn, recoveryCodesLeft }) {
    if (this.#isOn === isOn) return;
    this.#isOn = isOn;
    fill(this.room, isOn ? this.#on(recoveryCodesLeft) : this.#off());
  }

  #off() {
    const proof = new Proof(this.#api);
    const send = async () => {
      const { setup } = await this.#api.change(START_SECOND_FACTOR, { proof: proof.value });
      this.#setUp(setup);
    };
    return [
      h('p', { class: 'small' }, 'With an authenticator app on your phone, a password that was stolen is not enough.'),
      new Form({ name: 'Set up', action: 'Set up an app', fields: [proof], send, isOnce: false }).element,
    ];
  }

  #setUp({ secret, uri, qrCode: picture }) {
    const code = codeField('Code that the app shows now');
    const send = async () => {
      const { recoveryCodes } = await this.#api.change(CONFIRM_SECOND_FACTOR, { code: code.value });
      this.codes.show({ about: CODES, lines: recoveryCodes, file: FILE });
      this.#changed();
    };
    fill(
      this.room,
      h('p', { class: 'small' }, 'Take a picture of this with your authenticator app.'),
      qrCode(picture, 'QR code for your authenticator app'),
      h('p', { class: 'small' }, h('a', { class: 'text', href: uri }, 'Open the app on this phone'), ', or type in:'),
      h('code', { class: 'secret' }, secret),
      new Form({ name: 'First code', action: 'Switch it on', fields: [code], send, isOnce: false }).element,
    );
    code.input.focus();
  }

  #on(left) {
    const proof = new Proof(this.#api);
    const code = new Field({
      name: 'factor',
      label: 'Code of the app, or a recovery code',
      autocomplete: 'one-time-code',
      about: ['code', 'recoveryCode'],
    });
    const send = async () => {
      const typed = /^\s*(\d\s*){6}$/.test(code.value) ? { code: code.value } : { recoveryCode: code.value };
      await this.#api.change(DISABLE_SECOND_FACTOR, { proof: proof.value, ...typed });
      this.codes.forget();
      this.#changed();
    };
    const form = new Form({ name: 'Switch off', action: 'Switch it off', fields: [code, proof], send, isOnce: false });
    return [
      h('p', {}, `On. ${count(left)} recovery codes are left.`),
      h('details', {}, h('summary', {}, 'Switch it off'), form.element),
    ];
  }
}
