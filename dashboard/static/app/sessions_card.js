// Turns one's sessions into a list in which each other one can be ended.
import { END_OTHER_SESSIONS, END_SESSION } from './account_operations.js';
import { actButton } from './act_button.js';
import { h } from './elements.js';
import { ago } from './format.js';
import { entry } from './page_part.js';

const BROWSERS = [
  [/Edg\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];
const KINDS = { PASSWORD: 'by password', CODE: 'by a code', FIREBASE: 'by Firebase', SIGN_UP: 'with the new account' };

/** The list and what ends all others; `changed` is called after one has ended. */
export function sessionsOf({ api, sessions, changed }) {
  const end = (id) => async () => (await api.change(END_SESSION, { id }), changed());
  const endOthers = async () => (await api.change(END_OTHER_SESSIONS, { exceptThis: true }), changed());
  const rows = sessions.map((session) =>
    entry({
      title: `${clientOf(session.userAgent)}${session.isCurrent ? ' (this one)' : ''}`,
      lines: [wordsOf(session)],
      acts: session.isCurrent ? [] : [actButton({ words: 'End', act: end(session.id) })],
    }),
  );
  const others = sessions.length > 1;
  return [
    h('ul', { class: 'rows sessions' }, rows),
    others && actButton({ words: 'End all others', question: 'End them all?', act: endOthers }),
  ];
}

function wordsOf({ address, lastUsedAt, kind, hasSecondFactor }) {
  const factor = hasSecondFactor ? ' and an app' : '';
  return `${address} · used ${ago(Date.parse(lastUsedAt), Date.now())} · ${KINDS[kind]}${factor}`;
}

/** What people call the browser and its system, where they can be told; else what it calls itself. */
function clientOf(userAgent) {
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => known.find(([sign]) => sign.test(userAgent))?.[1]);
  return [browser, system].filter(Boolean).join(' on ') || userAgent.slice(0, 60) || 'Unknown client';
}
