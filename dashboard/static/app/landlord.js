// Turns what a landlord decides of a prepaid panel into debts and the rule of its emergency credit.
import { fill, h } from './elements.js';
import { Field, Form, NUMBER } from './form.js';
import { money, units } from './format.js';
import { MAKE_TOKEN, RECORD_DEBT, SET_EMERGENCY } from './operations.js';

export class Landlord {
  constructor({ panel, site, api }) {
    this.owed = h('p', { class: 'faint' });
    this.rule = h('p', { class: 'faint' });
    this.tokens = h('ul', { class: 'tokens' });
    this.paygo = part('OpenPAYGO tokens', this.tokens, tokenForm({ panel, site, api }));
    this.paygo.hidden = true;
    this.element = h(
      'section',
      { class: 'card landlord', 'aria-label': 'For the landlord' },
      h('h2', {}, 'For the landlord'),
      h(
        'div',
        { class: 'parts' },
        part('Debt', this.owed, debtForm({ panel, site, api })),
        part('Emergency credit', this.rule, emergencyForm({ panel, site, api })),
        this.paygo,
      ),
    );
  }

  show({ debt, emergencyCredit, openPaygo }) {
    this.paygo.hidden = !openPaygo;
    fill(this.tokens, (openPaygo?.tokensNotEntered ?? []).map(notEntered));
    fill(this.owed, debt ? `${money(debt)} are owed: each top-up pays its share of it.` : 'Nothing is owed.');
    fill(this.rule, ruleWords(emergencyCredit));
  }
}

const part = (title, words, form) => h('section', {}, h('h3', {}, title), words, form.element);

function ruleWords(credit) {
  if (!credit?.limitKwh) return 'None can be taken.';
  const taken = Number(credit.takenKwh) > 0 ? ` ${units(credit.takenKwh)} are to be repaid.` : '';
  return `${units(credit.limitKwh)} can be taken below ${units(credit.availableBelowKwh)}.${taken}`;
}

const notEntered = ({ digits, unitsKwh }) =>
  h('li', {}, h('code', {}, digits), h('span', { class: 'faint' }, `${units(unitsKwh)}, not entered yet`));

function tokenForm({ panel, site, api }) {
  const worth = new Field({
    ...NUMBER,
    name: 'worth',
    label: 'Units of a new token',
    unit: 'kWh',
    placeholder: '15',
    about: ['unitsKwh'],
  });
  const send = async (key) => {
    const input = { panelCode: panel.code, unitsKwh: worth.decimal, idempotencyKey: key };
    const { token } = await api.once(MAKE_TOKEN, input, 'token');
    site.refreshSoon(panel.code);
    return `${token.digits} adds ${units(token.unitsKwh)} once it is entered.`;
  };
  return new Form({ name: 'Make a token', action: 'Make token', fields: [worth], send, kind: 'inline' });
}

function debtForm({ panel, site, api }) {
  const { code, currency } = panel;
  const amount = new Field({
    ...NUMBER,
    name: 'debt',
    label: `Owed in ${currency}`,
    unit: currency,
    placeholder: '5000',
    about: ['amount'],
  });
  const reason = new Field({ name: 'reason', label: 'What for', placeholder: 'Repair of the meter', maxlength: 500 });
  const send = async (key) => {
    const owed = { amount: amount.decimal, currency };
    await api.once(RECORD_DEBT, { panelCode: code, amount: owed, reason: reason.value, idempotencyKey: key });
    site.refreshSoon(code);
    return `${money(owed)} were added to what is owed.`;
  };
  return new Form({ name: 'Record a debt', action: 'Record debt', fields: [amount, reason], send });
}

function emergencyForm({ panel, site, api }) {
  const limit = new Field({
    ...NUMBER,
    name: 'limit',
    label: 'Lend at once (0: none)',
    unit: 'kWh',
    placeholder: '5',
    about: ['limitKwh'],
  });
  const below = new Field({
    ...NUMBER,
    name: 'below',
    label: 'when less is left than',
    unit: 'kWh',
    placeholder: '1',
    about: ['availableBelowKwh'],
  });
  const send = async () => {
    const limitKwh = Number(limit.decimal) ? limit.decimal : null;
    const input = { panelCode: panel.code, limitKwh, availableBelowKwh: limitKwh ? below.decimal : '0' };
    await api.change(SET_EMERGENCY, input);
    site.refreshSoon(panel.code);
    return 'The rule was saved.';
  };
  return new Form({ name: 'Emergency credit rule', action: 'Save', fields: [limit, below], send, kind: 'pair' });
}
