// Turns a query into a part of a page that can be read again, and says what goes wrong in its place.
import { Trouble } from './api.js';
import { fill, h, write } from './elements.js';

const FRESH_MS = 60_000;
const shown = new WeakMap();

/** A card with a heading. */
export const card = (name, ...children) =>
  h('section', { class: 'card stack', 'aria-label': name }, h('h2', {}, name), children);

/** Fills an element with what `make` makes of the data; nothing moves where they are the same as before. */
export function fillAnew(element, data, make) {
  const text = JSON.stringify(data);
  if (shown.get(element) === text) return;
  shown.set(element, text);
  fill(element, make(data));
}

/** A link that looks like part of a sentence. */
export const textLink = (href, words) => h('a', { class: 'text', href }, words);

export class Part {
  #api;
  #query;
  #variables;
  #shown;
  #read_ms = 0;

  /** `shown(data)` answers what stands in the part's `element`; `variables` is asked at each reading. */
  constructor({ api, query, variables = () => ({}), shown }) {
    this.#api = api;
    this.#query = query;
    this.#variables = variables;
    this.#shown = shown;
    this.body = h('div', { class: 'stack' }, h('p', { class: 'faint', role: 'status' }, 'Reading…'));
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = h('div', { class: 'stack' }, this.body, this.trouble);
  }

  /** Reads it again; nothing moves where nothing is new, or under a question that waits for its answer. */
  async refresh() {
    this.#read_ms = Date.now();
    try {
      const data = await this.#api.ask(this.#query, this.#variables());
      write(this.trouble, '');
      if (!this.body.querySelector('[data-asks]')) fillAnew(this.body, data, this.#shown);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      write(this.trouble, error.message);
    }
  }

  /** Reads it again when that is a while ago, and nobody has the focus in it. */
  refreshLater() {
    const isUsed = this.body.contains(document.activeElement);
    if (!isUsed && Date.now() - this.#read_ms > FRESH_MS) this.refresh();
  }
}

/** The name of a thing and what can be said of it, with acts beside it. */
export const entry = ({ title, lines = [], acts = [] }) =>
  h(
    'li',
    { class: 'entry-row' },
    h('div', {}, h('b', {}, title), lines.filter(Boolean).map((line) => h('p', { class: 'faint small' }, line))),
    acts.length > 0 && h('div', { class: 'acts' }, acts),
  );
