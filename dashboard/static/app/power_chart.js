// Turns a series of power into a drawing: a line over local time, with its gaps left open and shaded.
import { placeAxis, valueAxis } from './chart.js';
import { s } from './elements.js';
import { power, time } from './format.js';
import { line, roundSteps, scale } from './scale.js';
import { runs } from './series.js';
import { roundTimes, wallOf } from './zone.js';

const HEIGHT = 280;
const LABEL_WIDTH = 78;
const DAY_MS = 86_400_000;

/** Draws `{at_ms, kw, gaps}` between two instants in a zone; `title` begins the summary. */
export const powerDrawing =
  ({ series, from_ms, to_ms, zone, title }) =>
  (width) => {
    const plot = { left: 48, right: width - 12, top: 28, bottom: HEIGHT - 28 };
    const visible = { ...series, gaps: series.gaps.map((gap) => clipped(gap, from_ms, to_ms)) };
    const values = series.kw.filter((kw) => kw != null);
    const { low, high, ticks } = roundSteps(Math.min(0, ...values), Math.max(0.1, ...values));
    const x = scale([from_ms, to_ms], [plot.left, plot.right]);
    const y = scale([low, high], [plot.bottom, plot.top]);
    return {
      height: HEIGHT,
      plot,
      nodes: [
        valueAxis({ ticks, y, plot, unit: 'kW' }),
        placeAxis({ labels: timeLabels({ from_ms, to_ms, zone, x, width }), plot }),
        visible.gaps.map((gap) => shade(gap, x, plot)),
        runs(visible).map((run) => drawnRun(run, x, y)),
      ],
      stops: stops(visible, { x, y, zone, span_ms: to_ms - from_ms }),
      summary: summary(series, visible.gaps, { zone, title, span_ms: to_ms - from_ms }),
    };
  };

const clipped = ([from_ms, to_ms], start_ms, end_ms) => [Math.max(from_ms, start_ms), Math.min(to_ms, end_ms)];

/** Labels at round local times; at midnight the day stands in for 00:00. */
export function timeLabels({ from_ms, to_ms, zone, x, width }) {
  const { instants_ms, unit } = roundTimes(from_ms, to_ms, { zone, count: Math.floor(width / LABEL_WIDTH) });
  const shapes = { minute: 'clock', day: to_ms - from_ms > 8 * DAY_MS ? 'day' : 'weekdayDay', month: 'month' };
  return instants_ms.map((at_ms) => {
    const isMidnight = unit === 'minute' && wallOf(at_ms, zone) % DAY_MS === 0;
    return { x: x(at_ms), text: time(at_ms, { zone, shape: isMidnight ? 'weekdayDay' : shapes[unit] }) };
  });
}

function drawnRun(run, x, y) {
  const points = run.map(({ at_ms, kw }) => [x(at_ms), y(kw)]);
  if (points.length === 1) return s('circle', { class: 'power-point', cx: points[0][0], cy: points[0][1], r: 2.5 });
  const [[first], [last]] = [points[0], points.at(-1)];
  const path = line(points);
  return [
    s('path', { class: 'power-area', d: `${path}L${last} ${y(0)}L${first} ${y(0)}Z` }),
    s('path', { class: 'power-line', d: path }),
  ];
}

const shade = ([from_ms, to_ms], x, { top, bottom }) =>
  s('rect', { class: 'gap', x: x(from_ms), y: top, width: Math.max(x(to_ms) - x(from_ms), 1), height: bottom - top });

function stops({ at_ms, kw, gaps }, { x, y, zone, span_ms }) {
  const title = (ms) => time(ms, { zone, shape: span_ms > DAY_MS ? 'weekdayClock' : 'second' });
  const points = at_ms.map((ms, place) => ({
    x: x(ms),
    y: kw[place] == null ? null : y(kw[place]),
    title: title(ms),
    lines: [power(kw[place])],
  }));
  const silences = gaps.map(([from_ms, to_ms]) => ({
    x: (x(from_ms) + x(to_ms)) / 2,
    y: null,
    title: `${title(from_ms)} – ${title(to_ms)}`,
    lines: ['no readings'],
  }));
  return [...points, ...silences].sort((one, other) => one.x - other.x);
}

function summary({ at_ms, kw }, gaps, { zone, title, span_ms }) {
  const values = kw.filter((value) => value != null);
  if (!values.length) return `${title}: no readings.`;
  const highest = Math.max(...values);
  const shape = span_ms > DAY_MS ? 'weekdayClock' : 'clock';
  const highest_at = time(at_ms[kw.indexOf(highest)], { zone, shape });
  const silences = gaps.length ? ` ${gaps.length} ${gaps.length > 1 ? 'gaps' : 'gap'} without readings.` : '';
  const [lowest, last] = [power(Math.min(...values)), power(values.at(-1))];
  return `${title}: lowest ${lowest}, highest ${power(highest)} at ${highest_at}, last ${last}.${silences}`;
}
