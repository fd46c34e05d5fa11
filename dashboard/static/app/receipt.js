// Turns a receipt of the server's into its lines: what of a payment went where, and the units that it bought.
import { h } from './elements.js';
import { exactMoney, units } from './format.js';

const KINDS = {
  STAMP_DUTY: 'Stamp duty',
  FEE: 'Fee',
  STANDING_CHARGE: 'Standing charge',
  DEBT: 'Debt paid off',
  TAX: 'Tax',
  ENERGY: 'Energy',
};

/** A list of the lines, which add up to what is paid. */
export function receiptOf({ gross, lines, repaidKwh, addedKwh, unitPrice, tariffName }) {
  const { currency } = gross;
  const rows = lines.map((line) => row(named(line), exactMoney({ amount: line.amount, currency })));
  return h(
    'dl',
    { class: 'receipt' },
    rows,
    row('To pay', exactMoney(gross), 'total'),
    Number(repaidKwh) > 0 && row('Repays emergency credit', units(repaidKwh)),
    row('Units', units(addedKwh), 'total'),
    row('Tariff', `${tariffName}, ${exactMoney({ amount: unitPrice, currency })} a kWh`, 'faint'),
  );
}

function named({ kind, name, percent }) {
  const share = percent == null ? '' : `, ${Number(percent)} %`;
  return `${KINDS[kind] ?? kind}${name && kind !== 'ENERGY' ? `: ${name}` : ''}${share}`;
}

const row = (term, value, kind = null) => h('div', { class: kind }, h('dt', {}, term), h('dd', {}, value));
