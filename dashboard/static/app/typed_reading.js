// Turns what a person reads from a meter's register into a reading, for panels that no device speaks for.
import { Trouble } from './api.js';
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
  let doubted = null;
  const send = async (key) => {
    if (isLess(shown.decimal, panel) && doubted !== shown.value) {
      doubted = shown.value;
      throw new Trouble(doubt(panel), { code: 'BAD_INPUT', field: 'energyImportKwh' });
    }
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

/** A register never goes down, but another meter's may begin anywhere. */
const isLess = (kwh, { reading }) => Number(kwh) < (reading?.register_kwh ?? 0);

const doubt = ({ reading }) =>
  `That is less than the ${register(reading.register_kwh)} before. Send it again if there is a new meter.`;
