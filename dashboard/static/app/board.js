// Turns the site into its first view: the sums of now, a card for each panel, alerts, and the month.
import { batched, fill, h, write } from './elements.js';
import { MonthCard } from './month_card.js';
import { Overview } from './overview.js';
import { textLink } from './page_part.js';
import { PanelCard } from './panel_card.js';
import { invitationCard } from './renting_view.js';

export class Board {
  #site;
  #api;
  #cards = new Map();
  #listening = new AbortController();

  constructor({ api, site, alerts }) {
    this.#site = site;
    this.#api = api;
    this.overview = new Overview(site);
    this.month = new MonthCard({ api, site });
    this.cards = h('div', { class: 'cards' });
    this.more = h('button', { type: 'button', class: 'quiet more', click: () => this.#more() });
    this.element = h(
      'div',
      { class: 'board' },
      this.overview.element,
      h('section', { class: 'panels', 'aria-label': 'Panels' }, this.cards, this.more),
      h('aside', {}, alerts.element, this.month.element),
    );
    this.#listen();
    this.#deal();
    this.refresh();
  }

  refresh() {
    this.month.refresh();
  }

  end() {
    this.#listening.abort();
    this.#endCards();
  }

  #listen() {
    const { signal } = this.#listening;
    const update = batched((codes) => {
      for (const code of codes) this.#cards.get(code)?.update();
      this.overview.update();
    });
    this.#site.addEventListener('panel', ({ detail }) => update(detail.code), { signal });
    this.#site.addEventListener('panels', () => this.#deal(), { signal });
  }

  #deal() {
    this.#endCards();
    const panels = [...this.#site.panels.values()];
    this.#cards = new Map(
      panels.map((panel) => [panel.code, new PanelCard({ panel, site: this.#site, api: this.#api })]),
    );
    const none = () => nothingYet({ api: this.#api, site: this.#site });
    fill(this.cards, panels.length ? [...this.#cards.values()].map((card) => card.element) : none());
    this.element.classList.toggle('single', panels.length < 2);
    this.more.hidden = !this.#site.hidden;
    write(this.more, `Show more: ${this.#site.hidden} left`);
    this.overview.update();
  }

  async #more() {
    this.more.disabled = true;
    await this.#site.more().catch((trouble) => write(this.more, trouble.message));
    this.more.disabled = false;
  }

  #endCards() {
    for (const card of this.#cards.values()) card.end();
  }
}

/** What somebody can do who sees no panel. */
function nothingYet({ api, site }) {
  const words = {
    TENANT: [
      'You see no panel now. Your landlord gives you a code for what you rent: type it in here. ',
      textLink('#/renting', 'What you have rented'),
      ' stays yours to look at.',
    ],
    LANDLORD: ['None of your properties has a panel yet. ', textLink('#/properties', 'Claim panels by a code'), '.'],
    ADMIN: 'No panel has been heard of yet.',
  };
  const invited = site.role === 'TENANT' && invitationCard({ api, accepted: () => site.reread() });
  return h('div', { class: 'stack' }, h('div', { class: 'card empty' }, h('p', {}, words[site.role] ?? words.TENANT)), invited);
}
