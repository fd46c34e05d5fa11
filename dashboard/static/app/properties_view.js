// Turns what a landlord lets into a page: how it stands with all of it, and a card for each property.
import { Choice } from './choices.js';
import { h } from './elements.js';
import { Field, Form } from './form.js';
import { count } from './format.js';
import { CLAIM_PANELS, CREATE_PROPERTY, PROPERTIES } from './letting_operations.js';
import { overviewTiles } from './overview_tiles.js';
import { card, Part, textLink } from './page_part.js';

const FIRST = 200;
const NEW = '';

export class PropertiesView {
  #api;
  #site;

  constructor({ api, site }) {
    this.#api = api;
    this.#site = site;
    this.where = new Choice({ name: 'propertyId', label: 'Into', options: [[NEW, 'A new property']] });
    this.part = new Part({ api, query: PROPERTIES, variables: () => ({ first: FIRST }), shown: (data) => this.#shown(data) });
    this.element = h(
      'div',
      { class: 'page' },
      h('h1', {}, 'Properties'),
      this.part.element,
      h('div', { class: 'cards' }, this.#creation(), this.#claim()),
    );
    this.part.refresh();
  }

  refresh() {
    this.part.refreshLater();
  }

  #shown({ propertyOverview, properties: { nodes, totalCount } }) {
    this.where.offer([[NEW, 'A new property'], ...nodes.map(({ id, name }) => [id, name])]);
    if (!nodes.length) return h('p', { class: 'card empty' }, 'No property yet. Add one, or claim panels by a code.');
    const hidden = totalCount - nodes.length;
    return [
      nodes.length > 1 && overviewTiles(propertyOverview, 'All properties'),
      nodes.map(propertyCard),
      hidden > 0 && h('p', { class: 'faint' }, `and ${count(hidden)} more`),
    ];
  }

  #creation() {
    const name = new Field({ name: 'name', label: 'Name', placeholder: 'Marina Court', maxlength: 200 });
    const address = new Field({ name: 'address', label: 'Address', placeholder: '12 Marina Road, Lagos', maxlength: 500 });
    const send = async () => {
      await this.#api.change(CREATE_PROPERTY, { name: name.value, address: address.value });
      this.part.refresh();
      return `${name.value} was added.`;
    };
    const fields = [name, address];
    return card('Add a property', new Form({ name: 'Add a property', action: 'Add', fields, send, isOnce: false }).element);
  }

  #claim() {
    return card(
      'Claim panels',
      h('p', { class: 'small faint' }, 'Whoever runs this server gives you a code for panels that are yours.'),
      claimForm({ api: this.#api, where: this.where, claimed: () => (this.part.refresh(), this.#site.reread()) }),
    );
  }
}

/** `where` chooses one of the properties; without it a new one is made. */
export function claimForm({ api, where = null, claimed }) {
  const code = new Field({ name: 'code', label: 'Claim code', placeholder: 'KW-7F3K-92QD-XM4T-06RB', autocapitalize: 'characters' });
  const name = new Field({ name: 'newPropertyName', label: 'Name of the new property', maxlength: 200 });
  const send = async () => {
    const into = where?.value ? { propertyId: where.value } : { newPropertyName: name.value };
    const { property } = await api.change(CLAIM_PANELS, { code: code.value, ...into });
    claimed();
    return `The panels are in ${property.name} now.`;
  };
  const fields = where ? [code, where, name] : [code, name];
  where?.input.addEventListener('change', () => (name.element.hidden = Boolean(where.value)));
  return new Form({ name: 'Claim panels', action: 'Claim', fields, send, isOnce: false }).element;
}

function propertyCard({ id, name, address, landlordName, overview }) {
  const place = [address, landlordName && `let by ${landlordName}`].filter(Boolean).join(' · ');
  return h(
    'section',
    { class: 'card stack property', 'aria-label': name },
    h('header', {}, h('h2', {}, textLink(`#/property/${id}`, name)), h('p', { class: 'faint small' }, place)),
    overview.panelCount
      ? overviewTiles(overview, name)
      : h('p', { class: 'faint' }, 'No panels yet: claim some by a code, or ask whoever runs this server.'),
  );
}
