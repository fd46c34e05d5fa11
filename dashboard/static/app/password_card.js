// Turns the old password into a new one.
import { CHANGE_PASSWORD } from './account_operations.js';
import { newPasswordField } from './contact_codes.js';
import { Field, Form } from './form.js';
import { card } from './page_part.js';

export function passwordCard({ api, changed }) {
  const before = new Field({
    name: 'currentPassword',
    label: 'Password now',
    type: 'password',
    autocomplete: 'current-password',
  });
  const next = newPasswordField('newPassword');
  const send = async () => {
    await api.change(CHANGE_PASSWORD, { currentPassword: before.input.value, newPassword: next.input.value });
    changed();
    return 'Your password was changed, and your other sessions have ended.';
  };
  const form = new Form({ name: 'Change password', action: 'Change it', fields: [before, next], send, isOnce: false });
  return card('Password', form.element);
}
