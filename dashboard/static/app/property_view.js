// Turns a property into its page: how it stands, its panels, who rents them, who was invited, and its devices.
import { panelAddress } from './addresses.js';
import { DevicesCard } from './devices_card.js';
import { fill, h } from './elements.js';
import { Field, Form } from './form.js';
import { units } from './format.js';
import { InvitationsCard } from './invitations_card.js';
import { PROPERTY, UPDATE_PROPERTY } from './letting_operations.js';
import { overviewTiles } from './overview_tiles.js';
import { card, entry, fillAnew, Part, textLink } from './page_part.js';
import { tenanciesOf } from './tenancies_list.js';

export class PropertyView {
  #api;
  #property = null;

  constructor({ api, id }) {
    this.#api = api;
    this.heading = h('header', { class: 'heading' });
    this.tenants = h('div', { class: 'stack' });
    this.panels = h('div', { class: 'stack' });
    this.rest = h('div', { class: 'columns', hidden: true });
    this.part = new Part({ api, query: PROPERTY, variables: () => ({ id }), shown: (data) => this.#shown(data) });
    this.element = h(
      'div',
      { class: 'page' },
      h('a', { class: 'back', href: '#/properties' }, '‹ All properties'),
      this.heading,
      this.part.element,
      this.rest,
    );
    this.part.refresh();
  }

  refresh() {
    this.part.refreshLater();
  }

  #shown({ property }) {
    if (!property) return h('p', { class: 'card empty' }, 'There is no such property among yours.');
    if (!this.#property) this.#build(property);
    this.#property = property;
    const rented = new Map(
      property.tenancies.nodes.filter(({ isCurrent }) => isCurrent).flatMap(({ panelCodes, tenant }) =>
        panelCodes.map((code) => [code, tenant.name]),
      ),
    );
    fill(this.heading, h('h1', {}, property.name), h('p', { class: 'faint' }, property.address));
    const rows = ({ nodes }) => h('ul', { class: 'rows' }, nodes.map((panel) => panelRow(panel, rented)));
    fillAnew(this.panels, { ...property.panels, rented: [...rented] }, rows);
    const changed = () => this.part.refresh();
    fillAnew(this.tenants, property.tenancies.nodes, (tenancies) => tenanciesOf({ api: this.#api, tenancies, changed }));
    this.invitations.show(property);
    return property.panels.nodes.length
      ? overviewTiles(property.overview, property.name)
      : h('p', { class: 'card empty' }, 'No panels yet: claim some by a code, or ask whoever runs this server.');
  }

  #build(property) {
    const changed = () => this.part.refresh();
    this.invitations = new InvitationsCard({ api: this.#api, changed });
    this.devices = new DevicesCard({ api: this.#api, property });
    fill(
      this.rest,
      h('div', { class: 'column' }, card('Tenants', this.tenants), this.invitations.element),
      h('div', { class: 'column' }, card('Panels', this.panels), this.devices.element, this.#naming(property)),
    );
    this.rest.hidden = false;
  }

  #naming({ id, name, address }) {
    const [called, place] = [
      new Field({ name: 'name', label: 'Name', value: name, maxlength: 200 }),
      new Field({ name: 'address', label: 'Address', value: address, maxlength: 500 }),
    ];
    const send = async () => {
      await this.#api.change(UPDATE_PROPERTY, { id, name: called.value, address: place.value });
      for (const field of [called, place]) field.input.defaultValue = field.value;
      this.part.refresh();
      return 'It was saved.';
    };
    const form = new Form({ name: 'Name and address', action: 'Save', fields: [called, place], send, isOnce: false });
    return h('details', { class: 'card' }, h('summary', {}, 'Name and address'), form.element);
  }
}

function panelRow({ code, name, status, prepaid }, rented) {
  const left = prepaid?.estimatedBalanceKwh;
  const words = [
    status === 'ONLINE' ? 'online' : h('span', { class: 'warn' }, 'offline'),
    rented.has(code) ? `let to ${rented.get(code)}` : 'vacant',
    left != null && `${units(left)} left`,
  ].filter(Boolean);
  const line = h('span', {}, words.flatMap((word, place) => (place ? [' · ', word] : [word])));
  return entry({ title: h('span', {}, textLink(panelAddress(code), name), ' ', h('code', { class: 'faint' }, code)), lines: [line] });
}
