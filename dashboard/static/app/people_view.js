// Turns who can sign in, and panels that belong to nobody, into what an admin decides about them.
import { actButton } from './act_button.js';
import { Choice } from './choices.js';
import { h } from './elements.js';
import { Field, settled } from './form.js';
import { count, time } from './format.js';
import { PEOPLE, SET_DISABLED, SET_ROLE } from './letting_operations.js';
import { card, entry, Part } from './page_part.js';
import { UnownedCard } from './unowned_card.js';

const FIRST = 100;
const ROLES = [
  ['TENANT', 'Tenant'],
  ['LANDLORD', 'Landlord'],
  ['ADMIN', 'Admin'],
];

export class PeopleView {
  #api;

  constructor({ api, site }) {
    this.#api = api;
    this.search = new Field({ name: 'text', label: 'Search', type: 'search', placeholder: 'Name, e-mail or number' });
    this.search.input.addEventListener('input', settled(() => this.people.refresh()));
    this.people = new Part({
      api,
      query: PEOPLE,
      variables: () => ({ first: FIRST, text: this.search.value || null }),
      shown: ({ people }) => this.#shown(people),
    });
    this.element = h(
      'div',
      { class: 'page' },
      h('h1', {}, 'People'),
      h(
        'div',
        { class: 'columns' },
        h('div', { class: 'column' }, card('Who can sign in', this.search.element, this.people.element)),
        h('div', { class: 'column' }, new UnownedCard({ api, site }).element),
      ),
    );
    this.people.refresh();
  }

  #shown({ nodes, totalCount }) {
    const hidden = totalCount - nodes.length;
    return [
      h('ul', { class: 'rows' }, nodes.map((person) => this.#row(person))),
      hidden > 0 && h('p', { class: 'faint' }, `and ${count(hidden)} more: search for them`),
    ];
  }

  #row(person) {
    const { id, name, disabledAt } = person;
    const act = async () => {
      await this.#api.change(SET_DISABLED, { accountId: id, isDisabled: !disabledAt });
      this.people.refresh();
    };
    const button = disabledAt
      ? actButton({ words: 'Let in again', label: `Let ${name} in again`, act })
      : actButton({ words: 'Disable', label: `Disable ${name}`, question: `${name} is signed out everywhere. Do it?`, act });
    return entry({ title: name, lines: linesOf(person), acts: [this.#role(person), button].flat() });
  }

  #role({ id, name, role }) {
    const label = h('span', { class: 'unseen' }, `Role of ${name}`);
    const choice = new Choice({ name: 'role', label, options: ROLES, value: role });
    const act = async () => {
      await this.#api.change(SET_ROLE, { accountId: id, role: choice.value });
      this.people.refresh();
    };
    const save = actButton({ words: 'Save role', label: `Save the role of ${name}`, act });
    save.hidden = true;
    choice.input.addEventListener('change', () => (save.hidden = choice.value === role));
    return [choice.element, save];
  }
}

const some = (number, one, several) => number > 0 && `${count(number)} ${number === 1 ? one : several}`;

function linesOf({ email, phone, isEmailVerified, isPhoneVerified, hasSecondFactor, disabledAt, createdAt, ...person }) {
  const verified = (contact, is) => contact && `${contact}${is ? ' ✓' : ' (not verified)'}`;
  const has = [
    some(person.propertyCount, 'property', 'properties'),
    some(person.tenancyCount, 'tenancy', 'tenancies'),
    some(person.panelCodes.length, 'panel given', 'panels given'),
    hasSecondFactor && 'second factor',
    `since ${time(createdAt, { shape: 'date' })}`,
  ];
  return [
    [verified(email, isEmailVerified), verified(phone, isPhoneVerified)].filter(Boolean).join(' · '),
    has.filter(Boolean).join(' · '),
    disabledAt && h('span', { class: 'bad' }, `Disabled since ${time(disabledAt, { shape: 'date' })}`),
  ];
}
