// Turns a new e-mail address or phone number into one's own, once the code that was sent to it comes back.
import { CONFIRM_CONTACT_CHANGE, REQUEST_CONTACT_CHANGE } from './account_operations.js';
import { codeField, contactIn, sentWords } from './contact_codes.js';
import { fill, h } from './elements.js';
import { Field, Form } from './form.js';
import { Proof } from './proof.js';

export function contactCard({ api, changed }) {
  const room = h('div', { class: 'stack' });
  const begin = (said = '') => fill(room, requestForm({ api, sent: confirm, said }));
  const confirm = (challenge) => {
    const done = () => (changed(), begin('It was changed.'));
    fill(room, h('p', { class: 'small' }, sentWords(challenge)), confirmForm({ api, challenge, done }));
    room.querySelector('input').focus();
  };
  begin();
  return h('details', { class: 'card' }, h('summary', {}, 'Change your e-mail or phone number'), room);
}

function requestForm({ api, sent, said }) {
  const contact = new Field({
    name: 'contact',
    label: 'New e-mail or phone number',
    inputmode: 'email',
    autocapitalize: 'none',
    about: ['email', 'phone'],
  });
  const proof = new Proof(api);
  const send = async () => {
    const input = { ...contactIn(contact.value), proof: proof.value };
    sent((await api.change(REQUEST_CONTACT_CHANGE, input)).challenge);
  };
  const fields = [contact, proof];
  const form = new Form({ name: 'Change contact', action: 'Send a code', fields, send, isOnce: false });
  form.say(said);
  return form.element;
}

function confirmForm({ api, challenge, done }) {
  const code = codeField();
  const send = async () => {
    await api.change(CONFIRM_CONTACT_CHANGE, { challengeId: challenge.id, code: code.value });
    done();
  };
  return new Form({ name: 'Confirm contact', action: 'Confirm', fields: [code], send, isOnce: false }).element;
}
