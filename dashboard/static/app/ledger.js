// Turns the ledger of a prepaid panel into a list: what was bought, read, lent, owed and taken back, with receipts.
import { fill, h, write } from './elements.js';
import { Field, Form } from './form.js';
import { money, time, units } from './format.js';
import { LEDGER, REVERSE } from './operations.js';
import { receiptOf } from './receipt.js';

const PAGE = 8;
const REVERSIBLE = ['TOP_UP', 'BALANCE_READING', 'EMERGENCY_CREDIT', 'DEBT'];
const SOURCES = { METER: ' · by the meter', PAYMENT: ' · by a payment', VEND: ' · by the vendor' };

export class Ledger {
  #panel;
  #site;
  #api;
  #first = PAGE;
  #shown = null;

  /** `isLandlord` offers to take entries back. */
  constructor({ panel, site, api, isLandlord }) {
    this.#panel = panel;
    this.#site = site;
    this.#api = api;
    this.isLandlord = isLandlord;
    this.list = h('ul', {}, h('li', { class: 'faint' }, 'Reading…'));
    this.more = h(
      'button',
      { type: 'button', class: 'quiet more', hidden: true, click: () => this.#more() },
      'Show more',
    );
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.element = h(
      'section',
      { class: 'card ledger', 'aria-label': 'Top-ups and readings' },
      h('h2', {}, 'Top-ups and readings'),
      this.list,
      this.more,
      this.trouble,
    );
  }

  /** Reads it again. Nothing moves where nothing is new, nor under the hands of who is typing a reason. */
  async refresh() {
    if (this.list.querySelector('input:focus')) return;
    try {
      const { panel } = await this.#api.ask(LEDGER, { code: this.#panel.code, first: this.#first });
      this.#show(panel.prepaid.ledger);
      write(this.trouble, '');
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  #more() {
    this.#first = Math.min(this.#first + 20, 500);
    this.refresh();
  }

  #show(ledger) {
    const news = JSON.stringify(ledger);
    if (news === this.#shown) return;
    this.#shown = news;
    const open = [...this.list.querySelectorAll('details[open]')].map(({ dataset }) => dataset.entry);
    const focused = this.list.querySelector('details:has(summary:focus)')?.dataset.entry;
    this.more.hidden = !ledger.pageInfo.hasNextPage;
    const rows = ledger.nodes.map((entry) => this.#row(entry, { ledger, isOpen: open.includes(entry.id) }));
    fill(this.list, rows.length ? rows : h('li', { class: 'faint' }, 'Nothing was bought or read yet.'));
    if (focused) this.list.querySelector(`details[data-entry="${focused}"] summary`)?.focus();
  }

  #row(entry, { ledger, isOpen }) {
    const { id, at, kind, receipt, reversedBy, reason, source } = entry;
    const when = time(at, { zone: this.#panel.zone, shape: 'dayClock' });
    const head = [
      h('span', { class: 'what' }, words(entry, ledger.nodes)),
      h('span', { class: 'change' }, change(entry, this.#panel)),
      h('time', { class: 'faint', datetime: at }, when, SOURCES[source]),
      reversedBy && h('span', { class: 'badge' }, 'taken back'),
    ];
    const body = [
      reason && h('p', { class: 'faint' }, `Reason: ${reason}`),
      receipt && receiptOf(receipt),
      this.isLandlord && !reversedBy && REVERSIBLE.includes(kind) && this.#reversal(id),
    ].filter(Boolean);
    const shown = body.length
      ? h('details', { 'data-entry': id, open: isOpen }, h('summary', {}, head), body)
      : h('div', { class: 'summary' }, head);
    return h('li', { 'data-kind': kind, class: reversedBy ? 'reversed' : null }, shown);
  }

  #reversal(entryId) {
    const reason = new Field({
      name: 'reason',
      label: 'Take it back because',
      required: true,
      maxlength: 500,
      placeholder: 'Entered twice',
    });
    const send = async (key) => {
      await this.#api.once(REVERSE, { entryId, reason: reason.value, idempotencyKey: key });
      reason.input.blur();
      this.list.querySelector(`details[data-entry="${entryId}"]`)?.removeAttribute('open');
      this.#site.refreshSoon(this.#panel.code);
      this.refresh();
      return 'Taken back.';
    };
    return new Form({ name: 'Take back', action: 'Take back', fields: [reason], send, kind: 'inline' }).element;
  }
}

const WORDS = {
  TOP_UP: ({ paid, tokenEnding }) =>
    paid ? `Top-up of ${money(paid)}` : `Token ${tokenEnding ? `ending in ${tokenEnding}` : 'entered'}`,
  BALANCE_READING: ({ shownKwh }) => `The display showed ${units(shownKwh)}`,
  REVERSAL: ({ reverses }, entries) => takenBack(entries.find(({ id }) => id === reverses)),
  EMERGENCY_CREDIT: () => 'Emergency credit',
  DEBT: ({ debtChange }) => `Debt${debtChange ? ` of ${money(debtChange)}` : ''}`,
};

const words = (entry, entries) => WORDS[entry.kind]?.(entry, entries) ?? entry.kind;

/** What it was: the entry, where it is among those that are shown. */
function takenBack(entry) {
  if (!entry) return 'An earlier entry was taken back';
  return `Taken back: ${words(entry, [])}`;
}

/** By how much the balance rose or fell; nothing where it did not. Where nothing meters, displays tell what was used. */
function change({ kind, unitsKwh }, { reading }) {
  const kwh = Number(unitsKwh);
  if (kind === 'BALANCE_READING' && kwh < 0 && !reading) return `${units(-kwh)} used since`;
  return kwh ? `${kwh > 0 ? '+' : '−'}${units(Math.abs(kwh))}` : '';
}
