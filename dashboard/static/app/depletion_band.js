// Turns the early, likely and late instants at which units run out into a band over the days ahead, and into words.
import { fill, h, onWidth, s } from './elements.js';
import { time } from './format.js';
import { timeLabels } from './power_chart.js';
import { scale } from './scale.js';
import { wallOf } from './zone.js';

const HEIGHT = 62;
const BAR = { top: 12, height: 14 };
const EDGE = 38;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const HOUR_MS = DAY_MS / 24;
const HOURS_MS = 6 * HOUR_MS;
const LEAST_AHEAD_MS = HOURS_MS;

/** An element whose `show` draws a forecast of the server's in the panel's zone. */
export class DepletionBand {
  #draw = null;

  constructor() {
    this.svg = s('svg', { role: 'img', height: HEIGHT });
    this.words = h('p', { class: 'likely' });
    this.element = h('div', { class: 'depletion' }, this.words, this.svg);
    this.end = onWidth(this.element, (width) => this.#draw?.(width));
  }

  show({ depletesAt, zone, now_ms }) {
    const ends = instants(depletesAt);
    const words = wording(ends, { zone, now_ms });
    fill(this.words, words);
    this.svg.toggleAttribute('hidden', ends.early_ms == null);
    this.svg.setAttribute('aria-label', `Units run out ${this.words.textContent}`);
    this.#draw = (width) => ends.early_ms != null && width && this.#redraw(ends, { zone, now_ms, width });
    this.#draw(this.element.clientWidth);
  }

  #redraw(ends, { zone, now_ms, width }) {
    this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    const last_ms = Math.max(ends.late_ms ?? ends.likely_ms ?? ends.early_ms, now_ms + LEAST_AHEAD_MS);
    const to_ms = now_ms + (last_ms - now_ms) * 1.12;
    const x = scale([now_ms, to_ms], [0, width]);
    const labels = timeLabels({ from_ms: now_ms, to_ms, zone, x, width });
    fill(
      this.svg,
      track(width),
      s('g', { class: 'spans' }, spans(ends, { x, width })),
      marker(ends.likely_ms, x),
      ticks(labels, width),
    );
  }
}

function instants({ p10, p50, p90 }) {
  const [early_ms, likely_ms, late_ms] = [p10, p50, p90].map((at) => (at == null ? null : Date.parse(at)));
  return { early_ms, likely_ms, late_ms };
}

const track = (width) => s('rect', { class: 'track', x: 0, y: BAR.top, width, height: BAR.height, rx: BAR.height / 2 });

/** Sure until the early instant, then less and less likely to last, up to the late one or beyond the edge. */
function spans({ early_ms, likely_ms, late_ms }, { x, width }) {
  const at = (ms) => Math.min(Math.max(x(ms), 0), width);
  const [early, late] = [at(early_ms), late_ms == null ? width : at(late_ms)];
  const likely = likely_ms == null ? (early + late) / 2 : at(likely_ms);
  const part = (kind, from, to) =>
    s('rect', { class: kind, x: from, y: BAR.top, width: Math.max(to - from, 0), height: BAR.height });
  return [part('sure', 0, early), part('probable', early, likely), part('possible', likely, late)];
}

function marker(likely_ms, x) {
  if (likely_ms == null) return null;
  const at = Math.max(x(likely_ms), 2);
  return s('rect', { class: 'marker', x: at - 1.5, y: BAR.top - 6, width: 3, height: BAR.height + 12, rx: 1.5 });
}

const ticks = (labels, width) =>
  s(
    'g',
    { class: 'axis' },
    labels.map(({ x, text }) => {
      const anchor = x < EDGE ? 'start' : x > width - EDGE ? 'end' : 'middle';
      return s('text', { x, y: HEIGHT - 8, 'text-anchor': anchor }, text);
    }),
  );

/** The same words for an early, a likely and a late instant of the server's. */
export const between = (depletesAt, { zone, now_ms }) => wording(instants(depletesAt), { zone, now_ms });

/** "likely Tue 24 Nov 18:00, between Mon 23 and Thu 26 Nov": as exact as the span between early and late allows. */
function wording({ early_ms, likely_ms, late_ms }, { zone, now_ms }) {
  if (early_ms == null) return ['not within the days that can be forecast'];
  if (late_ms != null && late_ms - now_ms < HOUR_MS) return ['likely ', h('b', {}, 'within the hour')];
  const round_ms = late_ms != null && late_ms - early_ms < HOURS_MS ? 5 * MINUTE_MS : 30 * MINUTE_MS;
  const told = (ms, shape) => time(Math.round(ms / round_ms) * round_ms, { zone, shape });
  const shape = edgeShape(early_ms, late_ms, zone);
  const between =
    late_ms == null
      ? `not before ${told(early_ms, shape)}`
      : `between ${told(early_ms, shape)} and ${told(late_ms, shape)}`;
  return likely_ms == null ? [between] : ['likely ', h('b', {}, told(likely_ms, 'weekdayClock')), `, ${between}`];
}

function edgeShape(early_ms, late_ms, zone) {
  if (late_ms == null || late_ms - early_ms >= DAY_MS) return 'weekdayDay';
  const [first, last] = [early_ms, late_ms].map((ms) => Math.floor(wallOf(ms, zone) / DAY_MS));
  return first === last ? 'clock' : 'weekdayTime';
}
