// Turns nobody into a session: by password or code, with a second factor, a new account or a new password.
import {
  CONFIRM_SIGN_UP,
  LOG_IN_WITH_CODE,
  REQUEST_LOG_IN_CODE,
  REQUEST_PASSWORD_RESET,
  RESET_PASSWORD,
  SIGN_IN_OPTIONS,
  SIGN_UP,
} from './account_operations.js';
import { Api } from './api.js';
import { codeField, contactIn, newPasswordField, resendButton, sentWords } from './contact_codes.js';
import { fill, h, write } from './elements.js';
import { Field, Form } from './form.js';
import { ACCEPT_INVITATION } from './letting_operations.js';
import { FINISH_LOG_IN, LOG_IN } from './operations.js';

/** The page of somebody who has not signed in; `signedIn` is called with the session. */
export const signInPage = (given) => new SignIn(given).element;

class SignIn {
  #api;
  #endpoint;
  #signedIn;
  #options = { signUp: 'CLOSED', channels: [] };
  #contact = '';
  #invitationCode = '';

  constructor({ endpoint, notice, signedIn }) {
    this.#api = new Api(endpoint);
    this.#endpoint = endpoint;
    this.#signedIn = signedIn;
    this.notice = h('p', { class: 'trouble notice', role: 'alert' }, notice);
    this.room = h('div', { class: 'card way-in' });
    this.element = h(
      'main',
      { class: 'sign-in' },
      h('img', { src: new URL('mark.svg', import.meta.url).href, alt: '', width: 56, height: 56 }),
      h('h1', {}, 'Kilowatch'),
      h('p', { class: 'faint' }, 'Your panels, your usage, your units: live.'),
      this.notice,
      this.room,
    );
    this.links = h('div', { class: 'links' });
    this.#byPassword();
    this.#readOptions();
  }

  /** Which ways in there are is asked for while somebody may already type. */
  async #readOptions() {
    try {
      this.#options = (await this.#api.ask(SIGN_IN_OPTIONS)).signInOptions;
    } catch {
      return; // by password then, which says what is wrong
    }
    fill(this.links, this.#otherWays());
  }

  #otherWays() {
    const { channels, signUp } = this.#options;
    if (!channels.length) return [];
    return [
      link('Sign in with a code', () => this.#byCode()),
      link('Forgot your password?', () => this.#forgotten()),
      signUp !== 'CLOSED' && link('Make an account', () => this.#signUp()),
    ];
  }

  #byPassword() {
    const contact = this.#contactField('E-mail or phone number');
    const password = new Field({
      name: 'password',
      type: 'password',
      label: 'Password',
      autocomplete: 'current-password',
    });
    const send = async () => {
      this.#contact = contact.value;
      const input = { ...contactIn(contact.value), password: password.input.value };
      return this.#took(await this.#api.change(LOG_IN, input));
    };
    this.#step({ name: 'Sign in', fields: [contact, password], send, links: this.links });
    fill(this.links, this.#otherWays());
  }

  #byCode() {
    this.#ask({
      name: 'Sign in with a code',
      action: 'Send a code',
      words: 'We send you a code of six digits.',
      query: REQUEST_LOG_IN_CODE,
      then: (challenge) => this.#code({ challenge, name: 'Sign in', query: LOG_IN_WITH_CODE }),
    });
  }

  #forgotten() {
    this.#ask({
      name: 'New password',
      action: 'Send a code',
      words: 'We send you a code, with which you set a new password.',
      query: REQUEST_PASSWORD_RESET,
      then: (challenge) => this.#reset(challenge),
    });
  }

  /** A step that asks for an address and sends a code to it. */
  #ask({ name, action, words, query, then }) {
    const contact = this.#contactField(this.#reachable());
    const send = async () => {
      this.#contact = contact.value;
      const { challenge } = await this.#api.change(query, contactIn(contact.value));
      then(challenge);
    };
    this.#step({ name, action, words, fields: [contact], send, links: this.#back() });
  }

  #reset(challenge) {
    const password = newPasswordField('newPassword');
    this.#code({ challenge, name: 'Set the password', query: RESET_PASSWORD, password });
  }

  #signUp() {
    const isInvited = this.#options.signUp === 'INVITED';
    const name = new Field({ name: 'name', label: 'Your name', autocomplete: 'name', maxlength: 200 });
    const contact = this.#contactField(this.#reachable());
    const password = newPasswordField('password', 'Password (or leave it out, and come in by codes)');
    const invitation = new Field({
      name: 'invitationCode',
      label: isInvited ? 'Invitation code of your landlord' : 'Invitation code, if you have one',
      placeholder: 'KW-7F3K-92QD-XM4T-06RB',
      autocapitalize: 'characters',
    });
    const send = async () => {
      this.#contact = contact.value;
      this.#invitationCode = invitation.value;
      const { challenge } = await this.#api.change(SIGN_UP, {
        ...contactIn(contact.value),
        name: name.value,
        password: password.input.value || null,
        invitationCode: invitation.value || null,
      });
      this.#code({ challenge, name: 'Make the account', query: CONFIRM_SIGN_UP });
    };
    const fields = [name, contact, password, invitation];
    this.#step({ name: 'Make an account', action: 'Send a code', fields, send, links: this.#back() });
  }

  #code({ challenge, name, query, password = null }) {
    let newest = challenge;
    const code = codeField();
    const words = h('p', { class: 'small' }, sentWords(challenge));
    const send = async () => {
      const input = { challengeId: newest.id, code: code.value, ...(password && { newPassword: password.input.value }) };
      return this.#took(await this.#api.change(query, input));
    };
    const resent = (next) => {
      newest = next;
      write(words, sentWords(next));
    };
    const links = h('div', { class: 'links' }, resendButton({ api: this.#api, challenge, resent }), this.#home());
    this.#step({ name, words, fields: password ? [code, password] : [code], send, links });
  }

  #secondFactor({ token }) {
    const code = codeField('Code of your authenticator app');
    const recovery = new Field({ name: 'recoveryCode', label: 'Recovery code', hint: 'Each of your ten counts once.' });
    const step = (field, other, words) => {
      const send = async () =>
        this.#took(await this.#api.change(FINISH_LOG_IN, { token, [field.name]: field.value }));
      const links = h('div', { class: 'links' }, link(words, other), this.#home());
      this.#step({ name: 'Second factor', action: 'Sign in', fields: [field], send, links });
    };
    const byApp = () => step(code, byRecovery, 'Lost your phone? Use a recovery code');
    const byRecovery = () => step(recovery, byApp, 'Use the app');
    byApp();
  }

  /** A session, or the question for the second factor. */
  async #took({ session, secondFactor }) {
    if (!session) return this.#secondFactor(secondFactor);
    if (this.#invitationCode) await this.#accept(session);
    this.#signedIn({ ...session, email: this.#contact });
  }

  /** Whoever signs up with an invitation means to accept it; what is wrong with it shows once they try again. */
  async #accept({ accessToken }) {
    const tokens = { current: async () => accessToken, renew: async () => {} };
    const api = new Api(this.#endpoint, { tokens });
    await api.change(ACCEPT_INVITATION, { code: this.#invitationCode }).catch(() => {});
  }

  #contactField(label) {
    const field = new Field({
      name: 'contact',
      label,
      inputmode: 'email',
      autocomplete: 'username',
      autocapitalize: 'none',
      about: ['email', 'phone'],
    });
    field.input.defaultValue = this.#contact;
    return field;
  }

  #reachable() {
    const { channels } = this.#options;
    if (channels.length > 1) return 'E-mail or phone number';
    return channels.includes('SMS') ? 'Phone number, like +234 801 234 5678' : 'E-mail';
  }

  #home = () => link('Back', () => this.#byPassword());
  #back = () => h('div', { class: 'links' }, this.#home());

  #step({ name, action = name, words = null, fields, send, links }) {
    const form = new Form({ name, action, fields, send, isOnce: false });
    const said = typeof words === 'string' ? h('p', { class: 'small faint' }, words) : words;
    fill(this.room, said, form.element, links);
    if (this.element.isConnected) write(this.notice, '');
    (fields.find(({ value }) => !value) ?? fields[0]).input.focus();
  }
}

const link = (words, click) => h('button', { type: 'button', class: 'link', click }, words);
