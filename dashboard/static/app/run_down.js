// Turns a forecast into the balance as it goes down: early, likely and late, from now until the units are used up.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const HORIZON_MS = 90 * DAY_MS;
const LEAST_MS = DAY_MS / 2;
const POINTS = 96;

/**
 * `{at_ms, early, likely, late}`: columns in kWh from `madeAt` on. Each goes down by the usual rhythm of the hours and
 * days, and reaches zero when the forecast says so: that of the early one at P10, of the likely at P50, of the late at
 * P90, or stays above it where that lies beyond the horizon. Where the balance was known some time ago, what was likely
 * used since is off it already.
 */
export function runDown({ madeAt, dataUpTo, balanceKwh, depletesAt, expectedUsage }) {
  const from_ms = Date.parse(madeAt);
  const used = usedBy(from_ms, expectedUsage);
  const since = (used(from_ms + DAY_MS) * Math.max(from_ms - Date.parse(dataUpTo), 0)) / DAY_MS;
  const ends = [depletesAt.p10, depletesAt.p50, depletesAt.p90].map((at) => (at ? Date.parse(at) : null));
  const last_ms = Math.max(ends[2] ?? from_ms + HORIZON_MS, from_ms + LEAST_MS);
  const at_ms = instants(from_ms, last_ms, ends);
  const [early, likely, late] = ends.map((end_ms) => {
    const all = end_ms == null ? Math.max(used(from_ms + HORIZON_MS), balanceKwh - since) : used(end_ms);
    const left = (at) => (balanceKwh * Math.max(all - used(at), 0)) / (all + since || 1e-9);
    return at_ms.map((at) => (end_ms != null && at >= end_ms ? 0 : left(at)));
  });
  return { at_ms, early, likely, late };
}

/** Evenly spread instants, and those at which a line reaches zero. */
function instants(from_ms, last_ms, ends) {
  const even = Array.from({ length: POINTS + 1 }, (_, place) => from_ms + ((last_ms - from_ms) * place) / POINTS);
  const exact = ends.filter((end_ms) => end_ms != null && end_ms > from_ms && end_ms < last_ms);
  return [...even, ...exact].sort((one, other) => one - other);
}

/** A function from an instant to the kWh that are likely used until then: hours first, then days, then their mean. */
function usedBy(from_ms, { hourly, daily }) {
  const hours = spansOf(hourly, HOUR_MS);
  const days = spansOf(daily, DAY_MS);
  const known_ms = hours.at(-1)?.to_ms ?? from_ms;
  const spans = [...hours, ...days.filter(({ to_ms }) => to_ms > known_ms).map((span) => later(span, known_ms))];
  const mean = total(days) / Math.max(days.length * DAY_MS, 1) || total(hours) / Math.max(hours.length * HOUR_MS, 1);
  const points = [{ at_ms: from_ms, kwh: 0 }];
  for (const { from_ms: start_ms, to_ms, kwh } of spans) {
    const last = points.at(-1);
    const length_ms = to_ms - Math.max(start_ms, from_ms);
    const before = (Math.max(start_ms - last.at_ms, 0) * kwh) / (to_ms - start_ms); // until the first whole hour
    if (to_ms > last.at_ms)
      points.push({ at_ms: to_ms, kwh: last.kwh + before + (kwh * length_ms) / (to_ms - start_ms) });
  }
  return (at_ms) => between(points, at_ms, mean);
}

function spansOf({ startsAt, p50Kwh }, length_ms) {
  const starts = startsAt.map((at) => Date.parse(at));
  return starts.map((from_ms, place) => ({
    from_ms,
    to_ms: starts[place + 1] ?? from_ms + length_ms,
    kwh: p50Kwh[place],
  }));
}

/** What of a span comes after an instant. */
function later({ from_ms, to_ms, kwh }, after_ms) {
  const start_ms = Math.max(from_ms, after_ms);
  return { from_ms: start_ms, to_ms, kwh: (kwh * (to_ms - start_ms)) / (to_ms - from_ms) };
}

const total = (spans) => spans.reduce((sum, { kwh }) => sum + kwh, 0);

function between(points, at_ms, mean) {
  const place = points.findIndex((point) => point.at_ms >= at_ms);
  if (place < 0) return points.at(-1).kwh + (at_ms - points.at(-1).at_ms) * mean;
  if (!place) return 0;
  const [from, to] = [points[place - 1], points[place]];
  return from.kwh + ((to.kwh - from.kwh) * (at_ms - from.at_ms)) / (to.at_ms - from.at_ms);
}
