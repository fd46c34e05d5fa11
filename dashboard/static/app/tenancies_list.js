// Turns a property's tenancies into lists: who rents now, who will, and who has; each can be ended or extended.
import { actButton } from './act_button.js';
import { h } from './elements.js';
import { Field, Form } from './form.js';
import { END_TENANCY, EXTEND_TENANCY } from './letting_operations.js';
import { entry } from './page_part.js';
import { localDay, phaseOf, termWords, today } from './terms.js';

/** The lists; `changed` is called after one was ended or extended. */
export function tenanciesOf({ api, tenancies, changed }) {
  const rows = (phase) =>
    tenancies.filter((each) => phaseOf(each) === phase).map((each) => row({ api, tenancy: each, phase, changed }));
  const [current, coming, over] = ['current', 'coming', 'over'].map(rows);
  return [
    current.length ? h('ul', { class: 'rows' }, current) : h('p', { class: 'faint' }, 'Nobody rents here now.'),
    coming.length > 0 && [h('h3', {}, 'To come'), h('ul', { class: 'rows' }, coming)],
    over.length > 0 &&
      h('details', {}, h('summary', {}, `Ended tenancies (${over.length})`), h('ul', { class: 'rows' }, over)),
  ];
}

function row({ api, tenancy, phase, changed }) {
  const { tenant, panelCodes, isShared } = tenancy;
  const shared = isShared ? ' · shared' : '';
  const contact = [tenant.email, tenant.phone].filter(Boolean).join(' · ');
  const lines = [`${panelCodes.join(', ')} · ${termWords(tenancy)}${shared}`, contact];
  const acts = phase === 'over' ? [] : [ending({ api, tenancy, changed }), lastDay({ api, tenancy, changed })];
  return entry({ title: tenant.name, lines, acts });
}

function ending({ api, tenancy: { id, tenant }, changed }) {
  const act = async () => (await api.change(END_TENANCY, { id }), changed());
  return actButton({
    words: 'End now',
    label: `End now the tenancy of ${tenant.name}`,
    question: `${tenant.name} sees nothing from now on. End it?`,
    act,
  });
}

/** The tenancy's last day; left empty, no end is known. */
function lastDay({ api, tenancy: { id, tenant, endsAt }, changed }) {
  const value = endsAt && /T00:00:00/.test(endsAt) ? dayBefore(endsAt) : '';
  const field = new Field({ name: 'endsOn', label: 'Last day (empty: no end)', type: 'date', min: today(), value });
  const send = async () => {
    await api.change(EXTEND_TENANCY, { id, endsOn: field.value || null });
    changed();
    return 'It was saved.';
  };
  const given = { name: `Last day of ${tenant.name}`, action: 'Save', fields: [field], send, kind: 'inline', isOnce: false };
  return h('details', {}, h('summary', {}, 'Last day'), new Form(given).element);
}

const dayBefore = (instant) =>
  new Date(Date.parse(`${localDay(instant)}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
