// Turns what was done to one's account, or tried, into a list, newest first.
import { OWN_AUDIT } from './account_operations.js';
import { h } from './elements.js';
import { time } from './format.js';
import { card, entry, Part } from './page_part.js';

const PAGE = 10;

export function auditCard({ api }) {
  let first = PAGE;
  const part = new Part({
    api,
    query: OWN_AUDIT,
    variables: () => ({ first }),
    shown: ({ viewer: { auditLog } }) => [h('ul', { class: 'rows' }, auditLog.nodes.map(row)), more(auditLog)],
  });
  const more = ({ pageInfo }) =>
    pageInfo.hasNextPage &&
    h('button', { type: 'button', class: 'quiet more', click: () => ((first += 20), part.refresh()) }, 'Show more');
  part.refresh();
  return card('What happened', part.element);
}

function row({ at, actor, action, outcome, times, address, via, keyName, panelCode }) {
  const by = via === 'KEY' ? `${actor}, key ${keyName}` : actor;
  const often = times > 1 ? ` (${times} times)` : '';
  const result = outcome === 'DONE' ? '' : `: refused, ${wordsOf(outcome).toLowerCase()}`;
  const when = time(at, { shape: 'dateClock' });
  return entry({
    title: `${wordsOf(action)}${result}${often}`,
    lines: [[when, by, panelCode, address].filter(Boolean).join(' · ')],
  });
}

/** TOP_UP as "Top up". */
const wordsOf = (name) => name.charAt(0) + name.slice(1).toLowerCase().replaceAll('_', ' ');
