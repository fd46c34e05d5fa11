// Turns a server's columns and the readings that follow live into one series with its gaps, and a series into runs.

const GAP_MS = 5 * 60_000;

/** `{at_ms, kw, gaps}`: columns ascending by time (kw may hold null), and spans without readings as [from, to]. */
export function seriesOf({ atMs, activePowerKw, missing }) {
  const gaps = missing.map(({ from, to }) => [Date.parse(from), Date.parse(to)]);
  return { at_ms: [...atMs], kw: [...activePowerKw], gaps };
}

/**
 * Adds a reading, also a late one, and forgets what is older than `span_ms`. Within `slot_ms` of the point before, the
 * newest reading takes its place: an hour at a reading a second stays small.
 */
export function add(series, { at_ms, kw }, { span_ms, slot_ms }) {
  const { at_ms: times, kw: values, gaps } = series;
  const place = times.findLastIndex((time_ms) => time_ms <= at_ms) + 1;
  const before_ms = times[place - 1] ?? -Infinity;
  const isNewest = place === times.length;
  if (isNewest && at_ms - times[place - 2] < slot_ms) {
    times[place - 1] = at_ms;
    values[place - 1] = kw;
  } else if (before_ms !== at_ms) {
    times.splice(place, 0, at_ms);
    values.splice(place, 0, kw);
  }
  if (isNewest) endGap(gaps, before_ms, at_ms);
  forget(series, times.at(-1) - span_ms);
}

/** The gap that was still open ends with this reading; a silence since the reading before it is a gap of its own. */
function endGap(gaps, before_ms, at_ms) {
  const last = gaps.at(-1);
  if (last && last[1] > before_ms) last[1] = Math.max(at_ms, last[0]);
  else if (before_ms > -Infinity && at_ms - before_ms > GAP_MS) gaps.push([before_ms, at_ms]);
}

function forget(series, before_ms) {
  const kept = series.at_ms.findIndex((at_ms) => at_ms >= before_ms);
  series.at_ms.splice(0, kept);
  series.kw.splice(0, kept);
  series.gaps = series.gaps.filter(([, to_ms]) => to_ms > before_ms);
}

/** Lists of points `{at_ms, kw}` that a line may join: no null and no gap lies between two of them. */
export function runs({ at_ms, kw, gaps }) {
  const found = [[]];
  let gap = 0;
  at_ms.forEach((time_ms, place) => {
    let isApart = kw[place] == null;
    for (; gap < gaps.length && gaps[gap][1] <= time_ms; gap++) isApart = true;
    if (isApart && found.at(-1).length) found.push([]);
    if (kw[place] != null) found.at(-1).push({ at_ms: time_ms, kw: kw[place] });
  });
  return found.filter((run) => run.length);
}
