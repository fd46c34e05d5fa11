// Turns what is let to whom into an invitation, whose code is shown once, and keeps the list of them.
import { actButton } from './act_button.js';
import { Checks } from './choices.js';
import { contactIn } from './contact_codes.js';
import { fill, h } from './elements.js';
import { Field, Form } from './form.js';
import { day, time } from './format.js';
import { INVITE_TENANT, REISSUE_INVITATION, REVOKE_INVITATION } from './letting_operations.js';
import { card, entry, fillAnew } from './page_part.js';
import { ShownOnce } from './shown_once.js';
import { today } from './terms.js';

export class InvitationsCard {
  #api;
  #changed;
  #offered = null;

  constructor({ api, changed }) {
    this.#api = api;
    this.#changed = changed;
    this.code = new ShownOnce();
    this.list = h('div', { class: 'stack' });
    this.room = h('div');
    this.element = card('Invite a tenant', this.code.element, this.room, this.list);
  }

  /** Nothing moves in the form while the panels are the same. */
  show({ id, panels, invitations, tenancies }) {
    const open = invitations.nodes.filter(({ state }) => state === 'OPEN');
    fillAnew(this.list, open, () => this.#open(open));
    const codes = JSON.stringify(panels.nodes.map(({ code }) => code));
    if (this.#offered === codes) return;
    this.#offered = codes;
    const rented = new Set(tenancies.nodes.flatMap(({ isCurrent, panelCodes }) => (isCurrent ? panelCodes : [])));
    fill(this.room, panels.nodes.length ? this.#form(id, panels.nodes, rented) : h('p', { class: 'faint' }, 'It has no panels to let.'));
  }

  #open(invitations) {
    if (!invitations.length) return [];
    const rows = invitations.map((each) => this.#row(each));
    return [h('h3', {}, 'Not accepted yet'), h('ul', { class: 'rows' }, rows)];
  }

  #form(propertyId, panels, rented) {
    const options = panels.map(({ code, name }) => [code, rented.has(code) ? `${name} (let)` : name]);
    const codes = new Checks({ name: 'panelCodes', label: 'What is let', options });
    const start = new Field({ name: 'startsOn', label: 'From', type: 'date', value: today() });
    const end = new Field({ name: 'endsOn', label: 'Last day (empty: no end)', type: 'date' });
    const name = new Field({ name: 'name', label: 'Name, for yourself', maxlength: 200 });
    const contact = new Field({
      name: 'contact',
      label: 'E-mail or phone number, if the code shall go there',
      autocapitalize: 'none',
      about: ['email', 'phone'],
    });
    const send = async () => {
      const to = contact.value ? contactIn(contact.value) : {};
      const input = { propertyId, panelCodes: codes.value, startsOn: start.value, endsOn: end.value || null };
      const invited = await this.#api.change(INVITE_TENANT, { ...input, name: name.value || null, ...to });
      this.#shown(invited);
    };
    const fields = [codes, start, end, name, contact];
    return new Form({ name: 'Invite a tenant', action: 'Make an invitation', fields, send, isOnce: false }).element;
  }

  #shown({ code, invitation }) {
    const last = time(invitation.expiresAt, { shape: 'date' });
    const about = `Give this code to the tenant, who signs in here and types it in. It is good until ${last}, once.`;
    this.code.show({ about, lines: [code] });
    this.#changed();
  }

  #row({ id, name, email, phone, panelCodes, startsOn, expiresAt }) {
    const again = async () => this.#shown(await this.#api.change(REISSUE_INVITATION, { id }));
    const revoke = async () => (await this.#api.change(REVOKE_INVITATION, { id }), this.#changed());
    const until = time(expiresAt, { shape: 'date' });
    return entry({
      title: name ?? email ?? phone ?? 'Without a name',
      lines: [`${panelCodes.join(', ')} · from ${day(startsOn, 'date')} · can be accepted until ${until}`],
      acts: [
        actButton({ words: 'New code', question: 'The code before counts no more.', act: again }),
        actButton({ words: 'Take back', question: 'Take it back?', act: revoke }),
      ],
    });
  }
}
