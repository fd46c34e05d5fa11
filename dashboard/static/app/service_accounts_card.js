// Turns a landlord's integrations into service accounts and keys, which are shown once.
import {
  CREATE_API_KEY,
  CREATE_SERVICE_ACCOUNT,
  REMOVE_SERVICE_ACCOUNT,
  REVOKE_API_KEY,
  ROTATE_API_KEY,
  SERVICE_ACCOUNTS,
} from './account_operations.js';
import { actButton } from './act_button.js';
import { Checks } from './choices.js';
import { h } from './elements.js';
import { Field, Form } from './form.js';
import { ago, time } from './format.js';
import { card, entry, Part } from './page_part.js';
import { Proof } from './proof.js';
import { ShownOnce } from './shown_once.js';

const SCOPES = {
  READ: 'Read',
  CREDIT: 'Credit',
  TARIFFS: 'Tariffs',
  PROPERTIES: 'Properties',
  DEVICES: 'Devices',
  ALERTS: 'Alerts',
  SERVICE: 'Run the service',
};
const ABOUT = 'The key. Whoever has it acts within its rights.';
const FOR = 'A till or a spreadsheet comes in by a key, not by your password.';
const LEFT = 'From when you were a landlord. They go on, with what you may see now, until you revoke them.';

export class ServiceAccountsCard {
  #api;
  #isMaker;

  /** Tenants see and revoke the keys that they have from before; without any the card is hidden. */
  constructor({ api, role }) {
    this.#api = api;
    this.#isMaker = role !== 'TENANT';
    this.secret = new ShownOnce();
    this.list = new Part({ api, query: SERVICE_ACCOUNTS, shown: ({ viewer }) => this.#accounts(viewer) });
    this.element = card(
      'Keys for programs',
      h('p', { class: 'small faint' }, this.#isMaker ? FOR : LEFT),
      this.secret.element,
      this.list.element,
      this.#isMaker && h('details', {}, h('summary', {}, 'Add a service account'), this.#newAccount(role)),
    );
    this.element.hidden = !this.#isMaker;
    this.list.refresh();
  }

  #accounts({ serviceAccounts: { nodes } }) {
    this.element.hidden = !this.#isMaker && nodes.length === 0;
    return nodes.map((account) =>
      h(
        'section',
        { class: 'stack part', 'aria-label': account.name },
        h('ul', { class: 'rows' }, this.#head(account), account.keys.filter(counts).map((key) => this.#key(key))),
        this.#isMaker && h('details', {}, h('summary', {}, 'Make a key'), this.#newKey(account)),
      ),
    );
  }

  #head({ id, name, scopes }) {
    const remove = async () => (await this.#api.change(REMOVE_SERVICE_ACCOUNT, { id }), this.list.refresh());
    const acts = [actButton({ words: 'Remove', label: `Remove ${name}`, question: 'With all its keys?', act: remove })];
    return entry({ title: name, lines: [scopeWords(scopes)], acts: this.#isMaker ? acts : [] });
  }

  #key({ id, name, prefix, expiresAt, lastUsedAt, lastUsedAddress }) {
    const used = lastUsedAt ? `used ${ago(Date.parse(lastUsedAt), Date.now())} from ${lastUsedAddress}` : 'never used';
    const ends = expiresAt ? `until ${time(expiresAt, { shape: 'date' })}` : 'without an end';
    const revoke = async () => (await this.#api.change(REVOKE_API_KEY, { id }), this.list.refresh());
    const rotate = h('summary', { 'aria-label': `Rotate ${name}` }, 'Rotate');
    const acts = [
      this.#isMaker && h('details', {}, rotate, this.#rotation({ id, name })),
      actButton({ words: 'Revoke', label: `Revoke ${name}`, question: 'End it now?', act: revoke }),
    ];
    return entry({ title: h('span', {}, name, ' ', h('code', {}, `kwk_${prefix}…`)), lines: [`${used} · ${ends}`], acts });
  }

  #newKey({ id }) {
    const name = new Field({ name: 'name', label: 'Name of a new key', placeholder: 'till 1', maxlength: 200 });
    const proof = new Proof(this.#api);
    const send = async () => {
      const wish = { serviceAccountId: id, name: name.value, proof: proof.value };
      this.#shown(await this.#api.change(CREATE_API_KEY, wish));
    };
    return new Form({ name: 'New key', action: 'Make the key', fields: [name, proof], send, isOnce: false }).element;
  }

  #rotation({ id, name }) {
    const proof = new Proof(this.#api);
    const send = async () => this.#shown(await this.#api.change(ROTATE_API_KEY, { id, proof: proof.value }));
    const goesOn = h('p', { class: 'small faint' }, 'The old one goes on for a day.');
    const given = { name: `Rotate ${name}`, action: 'Make another', fields: [proof], between: goesOn };
    return new Form({ ...given, send, isOnce: false }).element;
  }

  #shown({ secret }) {
    this.secret.show({ about: ABOUT, lines: [secret] });
    this.list.refresh();
  }

  #newAccount(role) {
    const name = new Field({ name: 'name', label: 'Name', placeholder: 'Till', maxlength: 200 });
    const options = Object.entries(SCOPES).filter(([scope]) => role === 'ADMIN' || scope !== 'SERVICE');
    const scopes = new Checks({ name: 'scopes', label: 'What its keys may do', options, ticked: ['READ'] });
    const send = async () => {
      await this.#api.change(CREATE_SERVICE_ACCOUNT, { name: name.value, scopes: scopes.value });
      this.list.refresh();
      return 'It was added. It needs a key to do anything.';
    };
    const fields = [name, scopes];
    return new Form({ name: 'Add a service account', action: 'Add', fields, send, isOnce: false }).element;
  }
}

const counts = ({ revokedAt, expiresAt }) => !revokedAt && !(Date.parse(expiresAt) <= Date.now());
const scopeWords = (scopes) => scopes.map((scope) => SCOPES[scope]).join(', ');
