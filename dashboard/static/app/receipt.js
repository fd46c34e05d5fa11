// Turns a receipt of the server's into its lines: what of a payment went where, and the units that it bought.
import { h } from './elements.js';
import { money, price, units } from './format.js';

/** What these are called; fees, charges and taxes have names of their own. */
const KINDS = { STAMP_DUTY: 'Stamp duty', DEBT: 'Debt paid off', ENERGY: 'Energy' };

/** A list of the lines, which add up to what is paid. */
export function receiptOf({ gross, lines, repaidKwh, addedKwh, unitPrice, tariffName }) {
  const { currency } = gross;
  const told = (amount) => money({ amount, currency });
  return h(
    'div',
    { class: 'receipt' },
    h(
      'dl',
      {},
      lines.map((line) => row(named(line), told(line.amount))),
      row('Paid', money(gross), 'total'),
      Number(repaidKwh) > 0 && row('Repays emergency credit', units(repaidKwh)),
      row('Units', units(addedKwh), 'total'),
    ),
    h('p', { class: 'faint' }, `${tariffName}: ${price({ amount: unitPrice, currency })} a kWh before taxes`),
  );
}

function named({ kind, name, percent }) {
  const share = percent == null ? '' : `, ${Number(percent)} %`;
  return `${KINDS[kind] ?? name}${share}`;
}

const row = (term, value, kind = null) => h('div', { class: kind }, h('dt', {}, term), h('dd', {}, value));
