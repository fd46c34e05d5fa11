// Turns the instants at which a tenancy begins and ends into the days that people know it by.
import { day, time } from './format.js';

const DAY_MS = 86_400_000;
const MIDNIGHT = /T00:00:00/;

/** The local day of an instant that comes with its own offset. */
export const localDay = (instant) => instant.slice(0, 10);

export const since = (instant) =>
  MIDNIGHT.test(instant) ? day(localDay(instant), 'date') : clocked(instant);

/** The last day of something that ends at an instant, or the instant itself where that is within a day. */
export function until(instant) {
  if (!MIDNIGHT.test(instant)) return clocked(instant);
  return day(new Date(Date.parse(`${localDay(instant)}T00:00:00Z`) - DAY_MS).toISOString().slice(0, 10), 'date');
}

/** The instant by the clock that it comes with. */
const clocked = (instant) => time(`${instant.slice(0, 16)}:00Z`, { zone: 'UTC', shape: 'dateClock' });

/** "since 1 Mar 2026, no end yet", "from … to …". */
export function termWords({ startsAt, endsAt }) {
  if (endsAt) return `${since(startsAt)} to ${until(endsAt)}`;
  return Date.parse(startsAt) > Date.now() ? `from ${since(startsAt)}` : `since ${since(startsAt)}`;
}

/** Whether it is over, is now, or is to come. */
export const phaseOf = ({ isCurrent, startsAt }) =>
  isCurrent ? 'current' : Date.parse(startsAt) > Date.now() ? 'coming' : 'over';

/** Today where the reader is, as `YYYY-MM-DD`. */
export function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}
