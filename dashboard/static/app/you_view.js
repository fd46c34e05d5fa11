// Turns one's own account into a page: who one is, how one signs in, where, what was done, and keys for programs.
import { YOU } from './account_operations.js';
import { auditCard } from './audit_card.js';
import { contactCard } from './contact_card.js';
import { fill, h } from './elements.js';
import { card, Part, textLink } from './page_part.js';
import { passwordCard } from './password_card.js';
import { SecondFactorCard } from './second_factor_card.js';
import { ServiceAccountsCard } from './service_accounts_card.js';
import { sessionsOf } from './sessions_card.js';

const ROLES = { TENANT: 'Tenant', LANDLORD: 'Landlord', ADMIN: 'Admin' };

export class YouView {
  #api;
  #signOut;

  constructor({ api, site, signOut }) {
    this.#api = api;
    this.#signOut = signOut;
    const refresh = () => this.you.refresh();
    this.secondFactor = new SecondFactorCard({ api, changed: refresh });
    this.contact = contactCard({ api, changed: refresh });
    this.sessions = h('div', { class: 'stack' });
    this.you = new Part({ api, query: YOU, shown: ({ viewer }) => this.#shown(viewer) });
    const keys = new ServiceAccountsCard({ api, role: site.role }).element;
    this.element = h(
      'div',
      { class: 'page you' },
      h('h1', {}, 'You'),
      h(
        'div',
        { class: 'columns' },
        h('div', { class: 'column' }, this.#card(), this.contact, passwordCard({ api, changed: refresh }), this.secondFactor.element),
        h('div', { class: 'column' }, card('Where you are signed in', this.sessions), keys, auditCard({ api })),
      ),
    );
    refresh();
  }

  #card() {
    const out = h('button', { type: 'button', class: 'quiet', click: this.#signOut }, 'Sign out here');
    return card('Your account', this.you.element, h('div', { class: 'row' }, out, textLink('#/renting', 'What you rent')));
  }

  #shown(viewer) {
    this.secondFactor.show(viewer.secondFactor);
    fill(this.sessions, sessionsOf({ api: this.#api, sessions: viewer.sessions, changed: () => this.you.refresh() }));
    return h(
      'dl',
      { class: 'facts' },
      fact('Name', viewer.name),
      fact('E-mail', viewer.email ?? 'none'),
      fact('Phone', viewer.phone ?? 'none'),
      fact('Role', ROLES[viewer.role]),
    );
  }
}

const fact = (name, value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
