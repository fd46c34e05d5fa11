// Turns the server's panels and readings into what the views show.
import { seriesOf } from './series.js';

/** What the panel used today, with what its register has risen by since the server counted. */
export function todayKwh({ today, reading }) {
  const risen_kwh = (reading?.register_kwh ?? 0) - (today.registerNowKwh ?? Infinity);
  return today.energyKwh + Math.max(risen_kwh, 0);
}

export const parsed = (instant) => (instant == null ? null : Date.parse(instant));

export const readingOf = ({ at, activePowerKw, energyImportKwh }) => ({
  at_ms: Date.parse(at),
  kw: activePowerKw,
  register_kwh: energyImportKwh,
});

/** Whether people alone tell of it: what they read from its meter, or from its display. */
export const isReadByPeople = ({ isTypedIn, reading, prepaid }) =>
  isTypedIn && reading?.kw == null && (reading != null || prepaid?.balanceKwh != null);

const NO_USAGE = ['SOLAR', 'SOLAR_INPUT', 'BATTERY', 'GRID_EXPORT'];

/** Whether the panel's energy is used: what a hub's other parts generate, keep or give back has no cost of usage. */
export const isUsage = ({ code }) => !(code.indexOf(':') > 0 && NO_USAGE.includes(code.split(':').at(-1)));

export const figuresOf = ({ status, lastSeenAt, isCounted, today, prepaid }) => ({
  status,
  isCounted,
  lastSeen_ms: parsed(lastSeenAt),
  today,
  prepaid,
});

export const panelOf = (node) => ({
  ...figuresOf(node),
  code: node.code,
  name: node.name,
  location: node.location,
  floor: node.floor,
  zone: node.timeZone,
  isPrepaid: node.isPrepaid,
  currency: node.tariff.currency,
  isTypedIn: !node.latestReading || node.latestReading.flags.includes('TYPED_IN'),
  reading: node.latestReading && readingOf(node.latestReading),
  hour: seriesOf(node.hour),
});
