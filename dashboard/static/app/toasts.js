// Turns news into notes at the edge of the page that go away by themselves.
import { h } from './elements.js';

const SHOWN_MS = 12_000;
const MOST = 4;

export class Toasts {
  constructor() {
    this.element = h('div', { class: 'toasts', role: 'log', 'aria-live': 'assertive', 'aria-label': 'News' });
  }

  show({ title, text, href }) {
    const close = () => toast.remove();
    const toast = h(
      'article',
      { class: 'toast' },
      h('div', {}, h('a', { href, click: close }, title), h('p', {}, text)),
      h('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', click: close }, '✕'),
    );
    this.element.prepend(toast);
    while (this.element.children.length > MOST) this.element.lastChild.remove();
    this.#leaveLater(toast);
  }

  /** A toast stays for as long as it is pointed at or has the focus. */
  #leaveLater(toast) {
    setTimeout(() => (toast.matches(':hover, :focus-within') ? this.#leaveLater(toast) : toast.remove()), SHOWN_MS);
  }
}
