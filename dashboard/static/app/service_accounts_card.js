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

export class ServiceAccountsCard {
  #api;

  constructor({ api, role }) {
    this.#api = api;
    this.secret = new ShownOnce();
    this.list = new Part({ api, query: SERVICE_ACCOUNTS, shown: ({ viewer }) => this.#accounts(viewer) });
    this.element = card(
      'Keys for programs',
      h('p', { class: 'small faint' }, 'A till or a spreadsheet comes in by a key, not by your password.'),
      this.secret.element,
      this.list.element,
      h('details', {}, h('summary', {}, 'Add a service account'), this.#newAccount(role)),
    );
    this.list.refresh();
  }

  #accounts({ serviceAccounts: { nodes } }) {
    return nodes.map((account) =>
      h(
        'section',
        { class: 'stack part', 'aria-label': account.name },
        h('ul', { class: 'rows' }, this.#head(account), account.keys.filter(counts).map((key) => this.#key(key))),
        this.#newKey(account),
      ),
    );
  }

  #head({ id, name, scopes }) {
    const remove = async () => (await this.#api.change(REMOVE_SERVICE_ACCOUNT, { id }), this.list.refresh());
    const acts = [actButton({ words: 'Remove', label: `Remove ${name}`, question: 'With all its keys?', act: remove })];
    return entry({ title: name, lines: [scopeWords(scopes)], acts });
  }

  #key({ id, name, prefix, expiresAt, lastUsedAt, lastUsedAddress }) {
    const used = lastUsedAt ? `used ${ago(Date.parse(lastUsedAt), Date.now())} from ${lastUsedAddress}` : 'never used';
    const ends = expiresAt ? `until ${time(expiresAt, { shape: 'date' })}` : 'without an end';
    const rotate = async () => this.#shown(await this.#api.change(ROTATE_API_KEY, { id }));
    const revoke = async () => (await this.#api.change(REVOKE_API_KEY, { id }), this.list.refresh());
    const acts = [
      actButton({ words: 'Rotate', label: `Rotate ${name}`, question: 'The old one goes on for a day.', act: rotate }),
      actButton({ words: 'Revoke', label: `Revoke ${name}`, question: 'End it now?', act: revoke }),
    ];
    return entry({ title: h('span', {}, name, ' ', h('code', {}, `kwk_${prefix}…`)), lines: [`${used} · ${ends}`], acts });
  }

  #newKey({ id }) {
    const name = new Field({ name: 'name', label: 'Name of a new key', placeholder: 'till 1', maxlength: 200 });
    const send = async () =>
      this.#shown(await this.#api.change(CREATE_API_KEY, { serviceAccountId: id, name: name.value }));
    const given = { name: 'New key', action: 'Make a key', fields: [name], send, kind: 'inline', isOnce: false };
    return new Form(given).element;
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
