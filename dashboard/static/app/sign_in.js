// Turns nobody into a session: the sign-in card.
import { Api } from './api.js';
import { h, write } from './elements.js';
import { LOG_IN } from './operations.js';

/** The page of somebody who has not signed in; `signedIn` is called with the session. */
export function signInPage({ endpoint, notice, signedIn }) {
  const trouble = h('p', { class: 'trouble', role: 'alert' }, notice);
  const email = field({ name: 'email', type: 'email', label: 'E-mail', autocomplete: 'username' });
  const password = field({ name: 'password', type: 'password', label: 'Password', autocomplete: 'current-password' });
  const button = h('button', { type: 'submit', class: 'main' }, 'Sign in');
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    const input = Object.fromEntries(new FormData(event.currentTarget));
    try {
      const { session } = await new Api(endpoint).change(LOG_IN, input);
      signedIn({ ...session, email: input.email });
    } catch (error) {
      write(trouble, error.message);
      for (const each of [email, password]) mark(each, error.field);
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

const field = ({ label, ...input }) =>
  h('label', { class: 'field' }, label, h('input', { ...input, required: true, spellcheck: 'false' }));

function mark(label, name) {
  const input = label.querySelector('input');
  input.toggleAttribute('aria-invalid', input.name === name);
  if (input.name === name) input.select();
}
