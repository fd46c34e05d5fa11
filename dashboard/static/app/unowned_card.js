// Turns panels that belong to nobody into a property's, or into a code by which somebody claims them.
import { Checks, Choice } from './choices.js';
import { fill, h, write } from './elements.js';
import { Form } from './form.js';
import { time } from './format.js';
import { ASSIGN_PANELS, CREATE_CLAIM_CODE, PANELS_AND_OWNERS, PROPERTY_NAMES } from './letting_operations.js';
import { card } from './page_part.js';
import { ShownOnce } from './shown_once.js';

const MOST_PAGES = 20;
const MOST_AT_ONCE = 500;
const CODE = 'a code';

export class UnownedCard {
  #api;

  constructor({ api }) {
    this.#api = api;
    this.code = new ShownOnce();
    this.room = h('div', { class: 'stack' }, h('p', { class: 'faint' }, 'Reading…'));
    this.said = h('p', { class: 'outcome', role: 'status' });
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = card('Panels that belong to nobody', this.code.element, this.room, this.said, this.trouble);
    this.refresh();
  }

  async refresh() {
    try {
      const [panels, { properties }] = await Promise.all([this.#unowned(), this.#api.ask(PROPERTY_NAMES)]);
      fill(this.room, panels.length ? this.#form(panels, properties.nodes) : h('p', { class: 'faint' }, 'There are none.'));
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  async #unowned() {
    const found = [];
    let after = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { panels } = await this.#api.ask(PANELS_AND_OWNERS, { after });
      found.push(...panels.nodes.filter(({ property }) => !property));
      if (!panels.pageInfo.hasNextPage) break;
      after = panels.pageInfo.endCursor;
    }
    return found.slice(0, MOST_AT_ONCE);
  }

  #form(panels, properties) {
    const options = panels.map(({ code, name }) => [code, name === code ? code : `${name} (${code})`]);
    const chosen = new Checks({ name: 'panelCodes', label: 'Panels', options });
    const owned = ({ id, name, landlordName }) => [id, landlordName ? `${name}, let by ${landlordName}` : name];
    const where = new Choice({
      name: 'propertyId',
      label: 'Give them to',
      options: [[CODE, 'Whoever has a claim code'], ...properties.map(owned)],
    });
    const send = async () => {
      if (where.value === CODE) return this.#claimCode(chosen.value);
      const { property } = await this.#api.change(ASSIGN_PANELS, { panelCodes: chosen.value, propertyId: where.value });
      write(this.said, `They are in ${property.name} now.`);
      this.refresh();
    };
    return new Form({ name: 'Assign panels', action: 'Give', fields: [chosen, where], send, isOnce: false }).element;
  }

  async #claimCode(panelCodes) {
    const { code, expiresAt } = await this.#api.change(CREATE_CLAIM_CODE, { panelCodes });
    const until = time(expiresAt, { shape: 'date' });
    this.code.show({ about: `Whoever has this code can claim ${panelCodes.join(', ')} until ${until}, once.`, lines: [code] });
  }
}
