// Turns what a person reads from a meter's register into a reading, for panels that no device speaks for.
import { h } from './elements.js';
import { Field, Form, NUMBER } from './form.js';
import { register } from './format.js';
import { RECORD_READING } from './operations.js';

/** A card with the form. */
export function typedReadingCard({ api, site, panel }) {
  const shown = new Field({
    ...NUMBER,
    name: 'register',
    label: 'The register in kWh',
    unit: 'kWh',
    placeholder: '15119',
    hint: 'All that the meter has ever counted, not what was used since last time.',
    about: ['energyImportKwh'],
  });
  const send = async (key) => {
    const input = { panelCode: panel.code, energyImportKwh: Number(shown.decimal), idempotencyKey: key };
    const { typedReading } = await api.once(RECORD_READING, input, 'typedReading');
    site.refreshSoon(panel.code);
    return `The meter shows ${register(typedReading.energyImportKwh)}.`;
  };
  const form = new Form({ name: 'Read the meter', action: 'Record reading', fields: [shown], send });
  return h(
    'section',
    { class: 'card typed', 'aria-label': 'Read the meter' },
    h('h2', {}, 'Read the meter'),
    form.element,
  );
}
