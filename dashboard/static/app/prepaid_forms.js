// Turns what a person sees and wants into a recorded display, a rule to be warned by, and emergency credit.
import { Field, Form, NUMBER } from './form.js';
import { fill, h } from './elements.js';
import { units } from './format.js';
import { RECORD_BALANCE, SET_LOW_UNITS, TAKE_EMERGENCY } from './operations.js';

/** "What the display shows": the balance goes on from there. */
export function displayForm({ api, site, code }) {
  const shown = new Field({
    ...NUMBER,
    name: 'shown',
    label: 'Units on the display in kWh',
    unit: 'kWh',
    placeholder: '12.5',
    about: ['shownKwh'],
  });
  const send = async (key) => {
    const input = { panelCode: code, shownKwh: shown.decimal, idempotencyKey: key };
    const { entry } = await api.once(RECORD_BALANCE, input);
    site.refreshSoon(code);
    return `The display shows ${units(entry.shownKwh)}.`;
  };
  return new Form({ name: 'What the display shows', action: 'Record', fields: [shown], send, kind: 'inline' });
}

/** The viewer's own rule: warn at so many kWh, or so many days before the units run out. */
export function lowUnitsForm({ api, site, code }) {
  const left = new Field({
    ...NUMBER,
    name: 'left',
    label: 'Warn me when this much is left',
    placeholder: '5',
    about: ['thresholdKwh', 'thresholdDays'],
  });
  const of = h(
    'select',
    { 'aria-label': 'Unit', name: 'of' },
    h('option', { value: 'thresholdKwh' }, 'kWh'),
    h('option', { value: 'thresholdDays' }, 'days'),
  );
  left.element.querySelector('.entry').append(of);
  const send = async () => {
    const threshold = of.value === 'thresholdDays' ? Number(left.decimal) : left.decimal;
    await api.change(SET_LOW_UNITS, { panelCode: code, [of.value]: threshold });
    site.refreshSoon(code);
    return `You will be warned at ${left.value} ${of.value === 'thresholdDays' ? 'days' : 'kWh'}.`;
  };
  return new Form({ name: 'Warn me', action: 'Save', fields: [left], send, kind: 'inline' });
}

/** What the rule is, in words. */
export const ruleWords = (rule) =>
  rule
    ? `Now at ${rule.thresholdKwh == null ? `${rule.thresholdDays} days` : units(rule.thresholdKwh)}.`
    : 'You are not warned yet.';

/** What is owed and lent, and the button that takes emergency credit where that is possible now. */
export class Lent {
  constructor({ api, site, code }) {
    const send = async (key) => {
      const { entry } = await api.once(TAKE_EMERGENCY, { panelCode: code, idempotencyKey: key });
      site.refreshSoon(code);
      return `${units(entry.unitsKwh)} were lent. Your next top-ups repay them first.`;
    };
    this.words = h('p', { class: 'faint' });
    this.form = new Form({ name: 'Emergency credit', action: 'Take emergency credit', send });
    this.element = h('section', { class: 'lent' }, h('h3', {}, 'Emergency credit'), this.words, this.form.element);
  }

  show(credit) {
    this.element.hidden = !credit;
    if (!credit) return;
    this.form.button.hidden = !credit.isAvailable;
    fill(this.words, lentWords(credit));
  }
}

function lentWords({ limitKwh, availableBelowKwh, takenKwh, isAvailable }) {
  if (Number(takenKwh) > 0) return `${units(takenKwh)} were lent to you: your next top-ups repay them first.`;
  if (isAvailable) return `${units(limitKwh)} can be lent to you now.`;
  return `${units(limitKwh)} can be lent to you once less than ${units(availableBelowKwh)} are left.`;
}
