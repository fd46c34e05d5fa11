// Turns instants into the wall clock of a time zone and back, and finds round local times for an axis.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * 60_000);
const DAY_STEPS = [1, 2, 5, 7, 10, 15];
const clocks = new Map();

/** The wall clock of the zone at an instant, as if it were UTC: milliseconds to take apart with getUTC…. */
export function wallOf(instant_ms, zone) {
  const parts = clock(zone).formatToParts(instant_ms);
  const read = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  const ms = ((instant_ms % 1000) + 1000) % 1000;
  return Date.UTC(read.year, read.month - 1, read.day, read.hour, read.minute, read.second, ms);
}

/** The instant at which the zone's wall clock shows this; where it jumps over it, the one after the jump. */
export function instantOf(wall_ms, zone) {
  const guess_ms = wall_ms - (wallOf(wall_ms, zone) - wall_ms);
  return guess_ms + wall_ms - wallOf(guess_ms, zone);
}

/** `{year, month}` of the zone at an instant, January being 1. */
export function monthOf(instant_ms, zone) {
  const wall = new Date(wallOf(instant_ms, zone));
  return { year: wall.getUTCFullYear(), month: wall.getUTCMonth() + 1 };
}

/** `{instants_ms, unit}`: at most `count` round local times within a period; the unit is 'minute', 'day' or 'month'. */
export function roundTimes(from_ms, to_ms, { zone, count }) {
  const span_ms = to_ms - from_ms;
  const step_ms = STEPS_MS.find((step) => span_ms / step <= count);
  const days = DAY_STEPS.find((step) => span_ms / (step * DAY_MS) <= count);
  const [walls, unit] = step_ms
    ? [every(step_ms, from_ms, to_ms, zone), 'minute']
    : days
      ? [every(days * DAY_MS, from_ms, to_ms, zone), 'day']
      : [months(from_ms, to_ms, zone, count), 'month'];
  const instants_ms = walls.map((wall_ms) => instantOf(wall_ms, zone));
  return { instants_ms: instants_ms.filter((at_ms) => at_ms >= from_ms && at_ms <= to_ms), unit };
}

function every(step_ms, from_ms, to_ms, zone) {
  const walls = [];
  const end_ms = wallOf(to_ms, zone);
  for (let at_ms = Math.ceil(wallOf(from_ms, zone) / step_ms) * step_ms; at_ms <= end_ms; at_ms += step_ms)
    walls.push(at_ms);
  return walls;
}

function months(from_ms, to_ms, zone, count) {
  const step = [1, 2, 3, 6, 12].find((each) => (to_ms - from_ms) / (each * 30 * DAY_MS) <= count) ?? 12;
  const { year, month } = monthOf(from_ms, zone);
  const walls = [];
  for (let at = month - 1; Date.UTC(year, at) <= wallOf(to_ms, zone); at += step) walls.push(Date.UTC(year, at));
  return walls;
}

function clock(zone) {
  if (!clocks.has(zone)) clocks.set(zone, new Intl.DateTimeFormat('en-GB', CLOCK(zone)));
  return clocks.get(zone);
}

const CLOCK = (timeZone) => ({
  timeZone,
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
});
