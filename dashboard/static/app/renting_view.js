// Turns what somebody rents, has rented and is to rent into a page, with a place for the code of an invitation.
import { actButton } from './act_button.js';
import { panelAddress } from './addresses.js';
import { h } from './elements.js';
import { Field, Form } from './form.js';
import { ACCEPT_INVITATION, LEAVE_TENANCY, OWN_TENANCIES } from './letting_operations.js';
import { card, entry, Part, textLink } from './page_part.js';
import { claimForm } from './properties_view.js';
import { phaseOf, since, termWords } from './terms.js';

export class RentingView {
  #api;
  #site;

  constructor({ api, site }) {
    this.#api = api;
    this.#site = site;
    this.part = new Part({ api, query: OWN_TENANCIES, shown: ({ viewer }) => this.#shown(viewer.tenancies.nodes) });
    const claimed = () => (site.reread(), (location.hash = '#/properties'));
    this.element = h(
      'div',
      { class: 'page narrow' },
      h('h1', {}, 'Renting'),
      this.part.element,
      invitationCard({ api, accepted: () => this.#changed() }),
      h(
        'details',
        { class: 'card' },
        h('summary', {}, 'You let panels yourself?'),
        h('p', { class: 'small faint' }, 'With a claim code from whoever runs this server, you become their landlord.'),
        claimForm({ api, claimed }),
      ),
    );
    this.part.refresh();
  }

  refresh() {
    this.part.refreshLater();
  }

  #changed() {
    this.part.refresh();
    this.#site.reread();
  }

  #shown(tenancies) {
    if (!tenancies.length) return h('p', { class: 'card empty' }, 'You rent nothing here yet. Type in the code that your landlord gave you.');
    const of = (phase) => tenancies.filter((each) => phaseOf(each) === phase);
    const [current, coming, over] = ['current', 'coming', 'over'].map(of);
    return [
      current.length > 0 && card('You rent', h('ul', { class: 'rows' }, current.map((each) => this.#current(each)))),
      coming.length > 0 && card('To come', h('ul', { class: 'rows' }, coming.map(plain))),
      over.length > 0 && card('You have rented', h('ul', { class: 'rows' }, over.map(past))),
    ];
  }

  #current(tenancy) {
    const leave = async () => (await this.#api.change(LEAVE_TENANCY, { id: tenancy.id }), this.#changed());
    const codes = tenancy.panelCodes.flatMap((code, place) => [place ? ', ' : '', textLink(panelAddress(code), this.#nameOf(code))]);
    const shared = tenancy.isShared ? ' · shared with others' : '';
    return entry({
      title: nameOf(tenancy),
      lines: [h('span', {}, codes, ` · ${termWords(tenancy)}${shared}`), tenancy.propertyAddress],
      acts: [actButton({ words: 'Leave', question: 'You see it no more from now on. Leave?', act: leave })],
    });
  }

  #nameOf(code) {
    return this.#site.panels.get(code)?.name ?? code;
  }
}

const nameOf = ({ propertyName }) => propertyName ?? 'A property that is no more';

const plain = (tenancy) =>
  entry({ title: nameOf(tenancy), lines: [`${tenancy.panelCodes.join(', ')} · ${termWords(tenancy)}`] });

const past = (tenancy) =>
  entry({
    title: textLink(`#/tenancy/${tenancy.id}`, nameOf(tenancy)),
    lines: [`${tenancy.panelCodes.join(', ')} · ${termWords(tenancy)}`],
  });

/** A place for the code of an invitation. */
export function invitationCard({ api, accepted }) {
  const code = new Field({
    name: 'code',
    label: 'Invitation code',
    placeholder: 'KW-7F3K-92QD-XM4T-06RB',
    autocapitalize: 'characters',
  });
  const send = async () => {
    const { tenancy } = await api.change(ACCEPT_INVITATION, { code: code.value });
    accepted();
    return `You rent ${tenancy.propertyName ?? 'it'} ${Date.parse(tenancy.startsAt) > Date.now() ? 'from' : 'since'} ${since(tenancy.startsAt)}.`;
  };
  const form = new Form({ name: 'Accept an invitation', action: 'Accept', fields: [code], send, kind: 'inline', isOnce: false });
  return card('Accept an invitation', form.element);
}
