// Turns who is signed in and how the live connection does into the bar on top of the page.
import { codeIn, placeIn } from './addresses.js';
import { fill, h, write } from './elements.js';

const WORDS = { connecting: 'Connecting…', live: 'Live', delayed: 'Delayed', reconnecting: 'Reconnecting…' };
const PANELS = ['#/', 'Panels', [null]];
const PROPERTIES = ['#/properties', 'Properties', ['properties', 'property']];
const RENTING = ['#/renting', 'Renting', ['renting', 'tenancy']];
const PEOPLE = ['#/people', 'People', ['people']];
const SECTIONS = {
  TENANT: [PANELS, RENTING],
  LANDLORD: [PANELS, PROPERTIES, RENTING],
  ADMIN: [PANELS, PROPERTIES, PEOPLE],
};

export class TopBar {
  constructor({ email, signOut }) {
    this.state = h('span', { class: 'state', role: 'status' });
    this.problem = h('p', { class: 'problem', role: 'alert', hidden: true });
    const mark = h('img', { src: new URL('mark.svg', import.meta.url).href, alt: '', width: 30, height: 30 });
    this.sections = h('nav', { class: 'sections', 'aria-label': 'Pages' });
    this.you = h('a', { class: 'quiet button you', href: '#/you' }, h('span', { class: 'email' }, email), h('span', {}, 'You'));
    this.element = h(
      'header',
      { class: 'top-bar' },
      h('a', { class: 'brand', href: '#/' }, mark, h('strong', {}, 'Kilowatch')),
      this.state,
      this.sections,
      h(
        'nav',
        { class: 'account', 'aria-label': 'Account' },
        this.you,
        h('a', { class: 'quiet button', href: '/graphiql' }, 'GraphiQL'),
        h('button', { type: 'button', class: 'quiet sign-out', click: signOut }, 'Sign out'),
      ),
      this.problem,
    );
    this.live('connecting');
  }

  /** Shows the pages that somebody of this role has, and marks where they are. */
  show(role, hash) {
    const place = codeIn(hash) ? null : placeIn(hash).place;
    const current = (isHere) => (isHere ? 'page' : null);
    const pages = (SECTIONS[role] ?? []).map(([href, words, places]) =>
      h('a', { href, 'aria-current': current(places.includes(place)) }, words),
    );
    fill(this.sections, pages);
    if (place === 'you') this.you.setAttribute('aria-current', 'page');
    else this.you.removeAttribute('aria-current');
  }

  /** Shows one of the socket's states, or 'delayed' while the server cannot reach its database. */
  live(state) {
    this.state.dataset.state = state;
    write(this.state, WORDS[state]);
  }

  /** Shows why figures could not be read again; nothing when the text is empty. */
  trouble(text) {
    this.problem.hidden = !text;
    write(this.problem, text);
  }
}
