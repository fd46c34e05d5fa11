// Turns a session into the running dashboard: one server, one socket, and the view that the address asks for.
import { codeIn, placeIn } from './addresses.js';
import { Alerts } from './alerts.js';
import { Api } from './api.js';
import { Board } from './board.js';
import { fill, h } from './elements.js';
import { PanelView } from './panel_view.js';
import { PeopleView } from './people_view.js';
import { PropertiesView } from './properties_view.js';
import { PropertyView } from './property_view.js';
import { RentingView } from './renting_view.js';
import { Site } from './site.js';
import { LiveSocket } from './socket.js';
import { TenancyView } from './tenancy_view.js';
import { Toasts } from './toasts.js';
import { TopBar } from './top_bar.js';
import { YouView } from './you_view.js';

const REFRESH_EVERY_MS = 15_000;

/** The pages besides the panels, and what they are called in the browser's tab. */
const PLACES = {
  you: [YouView, 'You'],
  properties: [PropertiesView, 'Properties'],
  property: [PropertyView, 'Property'],
  renting: [RentingView, 'Renting'],
  tenancy: [TenancyView, 'Tenancy'],
  people: [PeopleView, 'People'],
};

export class SignedIn {
  #view = null;
  #code = null;
  #socket = null;
  #ends = [];
  #listening = new AbortController();

  /** `tokens` are those of the session, of whom `email` is; `refused` is called when the server takes none of them. */
  constructor({ endpoint, tokens, email, signOut, refused }) {
    this.api = new Api(endpoint, { tokens, onRefused: refused });
    this.site = new Site(this.api);
    this.toasts = new Toasts();
    this.signOut = signOut;
    this.bar = new TopBar({ email, signOut });
    this.alerts = new Alerts({ api: this.api, site: this.site, toasts: this.toasts });
    this.main = h(
      'main',
      { id: 'main', tabindex: -1 },
      h('p', { class: 'loading', role: 'status' }, 'Reading your panels…'),
    );
    this.element = h('div', { class: 'signed-in' }, this.bar.element, this.main, this.toasts.element);
    this.#begin({ endpoint, tokens, refused });
  }

  end() {
    this.#listening.abort();
    this.#socket?.close();
    this.#ends.forEach((end) => end());
    this.#view?.end?.();
  }

  async #begin({ endpoint, tokens, refused }) {
    try {
      await this.site.more();
    } catch (trouble) {
      if (!this.#listening.signal.aborted) this.#couldNotBegin(trouble, { endpoint, tokens, refused });
      return;
    }
    if (this.#listening.signal.aborted) return;
    this.#socket = new LiveSocket(endpoint, { tokens, onState: (state) => this.#told(state), onRefused: refused });
    this.#ends.push(this.site.follow(this.#socket), this.alerts.follow(this.#socket));
    this.#keepFresh();
    addEventListener('hashchange', () => (this.#show(), this.main.focus({ preventScroll: true })), {
      signal: this.#listening.signal,
    });
    this.#show();
  }

  #couldNotBegin(trouble, connection) {
    const retry = () => {
      fill(this.main, h('p', { class: 'loading', role: 'status' }, 'Reading your panels…'));
      this.#begin(connection);
    };
    const button = h('button', { type: 'button', class: 'main', click: retry }, 'Try again');
    fill(this.main, h('div', { class: 'card empty', role: 'alert' }, h('p', {}, trouble.message), button));
  }

  #told(state) {
    this.bar.live(state);
    if (state === 'live') this.#refresh();
  }

  #keepFresh() {
    const timer = setInterval(() => document.hidden || this.#refresh(), REFRESH_EVERY_MS);
    this.#ends.push(() => clearInterval(timer));
    const { signal } = this.#listening;
    document.addEventListener('visibilitychange', () => document.hidden || this.#refresh(), { signal });
    this.site.addEventListener('current', ({ detail }) => this.bar.live(detail ? 'live' : 'delayed'), { signal });
    this.site.addEventListener('panels', () => this.#panelsChanged(), { signal });
    this.site.addEventListener('trouble', ({ detail }) => this.bar.trouble(detail.message), { signal });
  }

  #refresh() {
    this.bar.trouble('');
    this.site.refresh();
    this.alerts.refresh();
    this.#view?.refresh?.();
  }

  /** What was given or taken away leads to another page for the same address: one panel is shown by itself. */
  #panelsChanged() {
    this.bar.show(this.site.role, location.hash);
    const isOther = this.#codeShown() !== this.#code || (this.#code && !this.site.panels.has(this.#code));
    if (!placeIn(location.hash).place && this.#view && isOther) this.#show();
  }

  #codeShown() {
    const [only] = this.site.totalCount === 1 ? this.site.panels.keys() : [];
    return codeIn(location.hash) || only;
  }

  #show() {
    const { place, id } = placeIn(location.hash);
    this.#view?.end?.();
    this.#view = place ? this.#page(place, id) : this.#panels();
    fill(this.main, this.#view.element);
    this.bar.show(this.site.role, location.hash);
    scrollTo(0, 0);
  }

  #page(place, id) {
    const [View, title] = PLACES[place];
    document.title = `${title} · Kilowatch`;
    this.#code = null;
    return new View({ api: this.api, site: this.site, id, signOut: this.signOut });
  }

  #panels() {
    const { api, site, alerts } = this;
    const code = (this.#code = this.#codeShown());
    document.title = code ? `${site.panels.get(code)?.name ?? code} · Kilowatch` : 'Kilowatch';
    const isOnly = code && site.totalCount === 1;
    return code ? new PanelView({ api, site, code, alerts: isOnly ? alerts : null }) : new Board({ api, site, alerts });
  }
}
