// Turns nobody into a session: the sign-in card.
import { Api } from './api.js';
import { h, write } from './elements.js';
import { FINISH_LOG_IN, LOG_IN } from './operations.js';

/** The page of somebody who has not signed in; `signedIn` is called with the session. */
export function signInPage({ endpoint, notice, signedIn }) {
  const trouble = h('p', { class: 'trouble', role: 'alert' }, notice);
  const email = field({ name: 'email', type: 'email', label: 'E-mail', autocomplete: 'username' });
  const password = field({ name: 'password', type: 'password', label: 'Password', autocomplete: 'current-password' });
  const code = field({ name: 'code', label: 'Code of your authenticator app', inputmode: 'numeric',
    autocomplete: 'one-time-code' });
  const button = h('button', { type: 'submit', class: 'main' }, 'Sign in');
  let begun = null; // a sign-in that lacks its second factor
  const attempt = async ({ code: typed, ...input }) => {
    const api = new Api(endpoint);
    const answer = begun
      ? await api.change(FINISH_LOG_IN, { token: begun.token, ...proof(typed) })
      : await api.change(LOG_IN, input);
    if (answer.session) return signedIn({ ...answer.session, email: begun?.email ?? input.email });
    begun = { ...answer.secondFactor, email: input.email };
    write(trouble, '');
    email.replaceWith(code);
    password.remove();
    code.querySelector('input').focus();
  };
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await attempt(Object.fromEntries(new FormData(event.currentTarget)));
    } catch (error) {
      write(trouble, error.message);
      for (const each of [email, password, code]) mark(each, error.field);
    }
    button.disabled = false;
  };
  return h(
    'main',
    { class: 'sign-in' },
    h('img', { src: new URL('mark.svg', import.meta.url).href, alt: '', width: 56, height: 56 }),
    h('h1', {}, 'Kilowatch'),
    h('p', { class: 'faint' }, 'Your panels, your usage, your units: live.'),
    h('form', { class: 'card', 'aria-label': 'Sign in', submit }, email, password, trouble, button),
  );
}

/** Six digits are the app's; anything longer is one of the recovery codes for a lost phone. */
const proof = (typed) => (/^\s*(\d\s*){6}$/.test(typed) ? { code: typed } : { recoveryCode: typed });

const field = ({ label, ...input }) =>
  h('label', { class: 'field' }, label, h('input', { ...input, required: true, spellcheck: 'false' }));

function mark(label, name) {
  const input = label.querySelector('input');
  input.toggleAttribute('aria-invalid', input.name === name);
  if (input.name === name) input.select();
}
