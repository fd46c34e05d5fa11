// Turns an address or number and the code that was sent to it into the fields and words of a form.
import { RESEND_CODE } from './account_operations.js';
import { Trouble } from './api.js';
import { h, write } from './elements.js';
import { Field } from './form.js';
import { time } from './format.js';

const OWN_ZONE = undefined;

/** What somebody wrote, as `email` or `phone`. */
export const contactIn = (text) => (/@|[a-z]/i.test(text) || !text ? { email: text } : { phone: text });

export const codeField = (label = 'Code') =>
  new Field({
    name: 'code',
    label,
    inputmode: 'numeric',
    autocomplete: 'one-time-code',
    maxlength: 12,
    placeholder: '123 456',
  });

export const newPasswordField = (name, label = 'New password') =>
  new Field({
    name,
    label,
    type: 'password',
    autocomplete: 'new-password',
    maxlength: 256,
    hint: 'At least 8 characters: four words by chance are good.',
    about: [name, 'password'],
  });

export const sentWords = ({ sentTo, expiresAt }) =>
  `We sent a code to ${sentTo}. It is good until ${time(expiresAt, { zone: OWN_ZONE, shape: 'clock' })}.`;

/** Sends another code, from the moment on that the server allows it; `resent` is called with the challenge. */
export function resendButton({ api, challenge, resent }) {
  let newest = challenge;
  const button = h('button', { type: 'button', class: 'link', disabled: true }, 'Send another code');
  const wait = () => {
    button.disabled = true;
    setTimeout(() => (button.disabled = false), Math.max(Date.parse(newest.resendAt) - Date.now(), 0));
  };
  button.addEventListener('click', async () => {
    try {
      newest = (await api.change(RESEND_CODE, { challengeId: newest.id })).challenge;
      resent(newest);
      write(button, 'Send another code');
      wait();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      write(button, error.message);
    }
  });
  wait();
  return button;
}
