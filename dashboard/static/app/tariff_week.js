// Turns a tariff's bands into the week that they make, hour by hour, and draws it.
import { h, s } from './elements.js';
import { time } from './format.js';

const DAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'];
const STEP = 30;
const STEPS = (24 * 60) / STEP;
const MONDAY_MS = Date.UTC(2024, 0, 1);
const LEFT = 38;
const ROW = 16;
const TOP = 16;

/** Seven lists, Monday first, of the place among `bands` of each half hour of a month (1 to 12). */
export function weekOf(bands, month) {
  const rest = bands.findIndex(({ windows }) => !windows.length);
  return DAYS.map((_, day) =>
    Array.from({ length: STEPS }, (_, step) => {
      const found = bands.findIndex(({ windows }) =>
        windows.some((window) => isIn(window, { day, at: step * STEP, month })),
      );
      return found < 0 ? rest : found;
    }),
  );
}

/** A window that ends at or before its start goes on into the next day. */
function isIn({ fromTime, toTime, weekdays, months }, { day, at, month }) {
  const [from, to] = [fromTime, toTime].map(minutes);
  const begins = (on) => months.includes(month) && weekdays.includes(DAYS[(on + 7) % 7]);
  if (from < to) return begins(day) && at >= from && at < to;
  return (begins(day) && at >= from) || (begins(day - 1) && at < to);
}

const minutes = (clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** The week as a grid, a row a day; `summary` says it to those who do not see it. */
export function weekGrid(week, { summary }) {
  const width = LEFT + STEPS * 6;
  return s(
    'svg',
    { class: 'week', role: 'img', 'aria-label': summary, viewBox: `0 0 ${width} ${TOP + 7 * ROW}` },
    [0, 6, 12, 18].map((hour) =>
      s('text', { x: LEFT + hour * 12, y: 10, 'text-anchor': 'start' }, `${String(hour).padStart(2, '0')}:00`),
    ),
    week.map((steps, day) => [
      s('text', { x: 0, y: TOP + day * ROW + 11 }, dayName(day)),
      spans(steps).map(({ from, to, band }) =>
        s('rect', {
          class: `band-${band % 6}`,
          x: LEFT + from * 6,
          y: TOP + day * ROW,
          width: (to - from) * 6 - 1,
          height: ROW - 2,
          rx: 2,
        }),
      ),
    ]),
  );
}

/** Runs of the same band: `{from, to, band}` in half hours. */
function spans(steps) {
  const found = [];
  steps.forEach((band, step) => {
    if (found.at(-1)?.band === band) found.at(-1).to = step + 1;
    else found.push({ from: step, to: step + 1, band });
  });
  return found;
}

const dayName = (day) => time(MONDAY_MS + day * 86_400_000, { zone: 'UTC', shape: 'weekday' });

/** The mark of a band in a legend. */
export const bandKey = (band) => h('i', { class: `band-key band-${band % 6}` });
