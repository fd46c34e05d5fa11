// Turns who is signed in and how the live connection does into the bar on top of the page.
import { h, write } from './elements.js';

const WORDS = { connecting: 'Connecting…', live: 'Live', delayed: 'Delayed', reconnecting: 'Reconnecting…' };

export class TopBar {
  constructor({ email, signOut }) {
    this.state = h('span', { class: 'state', role: 'status' });
    this.problem = h('p', { class: 'problem', role: 'alert', hidden: true });
    const mark = h('img', { src: new URL('mark.svg', import.meta.url).href, alt: '', width: 30, height: 30 });
    this.element = h(
      'header',
      { class: 'top-bar' },
      h('a', { class: 'brand', href: '#/' }, mark, h('strong', {}, 'Kilowatch')),
      this.state,
      h(
        'nav',
        { 'aria-label': 'Account' },
        h('span', { class: 'email' }, email),
        h('a', { class: 'quiet button', href: '/graphiql' }, 'GraphiQL'),
        h('button', { type: 'button', class: 'quiet', click: signOut }, 'Sign out'),
      ),
      this.problem,
    );
    this.live('connecting');
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
