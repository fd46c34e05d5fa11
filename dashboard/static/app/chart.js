// Turns a drawing into a figure that can be read with a mouse, a finger, a keyboard or a screen reader.
import { fill, h, onWidth, s, write } from './elements.js';

const FAR = 10;

/**
 * A figure whose `show(draw)` calls `draw(width)` now and at each new width. A drawing has `nodes` (SVG), `height`,
 * `summary` (text for those who do not see it) and `stops`: `{x, y, title, lines}` by ascending x, for the tooltip.
 */
export class Chart {
  #draw = null;
  #drawing = { stops: [] };
  #at = -1;

  constructor({ name }) {
    this.nodes = s('g');
    this.cursor = s('g', { class: 'cursor', visibility: 'hidden' }, s('line'), s('circle', { r: 4 }));
    this.svg = s('svg', { role: 'img', tabindex: 0, 'data-chart': name }, this.nodes, this.cursor);
    this.tooltip = h('div', { class: 'tooltip', hidden: true });
    this.spoken = h('p', { class: 'unseen', role: 'status' });
    this.element = h('figure', { class: 'chart' }, this.svg, this.tooltip, this.spoken);
    this.end = onWidth(this.element, () => this.#redraw());
    this.#listen();
  }

  show(draw) {
    this.#draw = draw;
    this.#redraw();
  }

  #redraw() {
    const width = Math.round(this.element.clientWidth);
    if (!this.#draw || !width) return;
    this.#drawing = this.#draw(width);
    const { nodes, height, summary } = this.#drawing;
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.setAttribute('height', height);
    this.svg.setAttribute('aria-label', summary);
    fill(this.nodes, nodes);
    this.#point(Math.min(this.#at, this.#drawing.stops.length - 1));
  }

  #listen() {
    const follow = (event) => this.#point(this.#nearest(event));
    this.svg.addEventListener('pointermove', follow);
    this.svg.addEventListener('pointerdown', follow);
    this.svg.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && this.#point(-1));
    this.svg.addEventListener('focus', () => this.svg.matches(':focus-visible') && this.#step(Infinity));
    this.svg.addEventListener('blur', () => this.#point(-1));
    this.svg.addEventListener('keydown', (event) => this.#key(event));
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -FAR, PageDown: FAR, Home: -Infinity, End: Infinity };
    if (event.key === 'Escape') return this.#point(-1);
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.#step(steps[event.key]);
    const stop = this.#drawing.stops[this.#at];
    if (stop) write(this.spoken, [stop.title, ...stop.lines].join(', '));
  }

  #step(by) {
    const last = this.#drawing.stops.length - 1;
    const from = this.#at < 0 && by < 0 ? last + 1 : this.#at;
    this.#point(Math.min(Math.max(from + by, 0), last));
  }

  #nearest({ clientX }) {
    const x = clientX - this.svg.getBoundingClientRect().left;
    const { stops } = this.#drawing;
    const after = stops.findIndex((stop) => stop.x >= x);
    if (after < 0) return stops.length - 1;
    return after && x - stops[after - 1].x < stops[after].x - x ? after - 1 : after;
  }

  #point(place) {
    this.#at = place;
    const stop = this.#drawing.stops[place];
    this.tooltip.hidden = !stop;
    this.cursor.setAttribute('visibility', stop ? 'visible' : 'hidden');
    if (stop) this.#mark(stop);
  }

  #mark({ x, y, title, lines }) {
    const [rule, dot] = this.cursor.children;
    const { top, bottom } = this.#drawing.plot;
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: top, y2: bottom })) rule.setAttribute(name, value);
    dot.setAttribute('cx', x);
    dot.setAttribute('cy', y ?? bottom);
    dot.setAttribute('visibility', y == null ? 'hidden' : 'inherit');
    fill(this.tooltip, h('b', {}, title), ...lines.map((each) => h('span', {}, each)));
    const room = this.element.clientWidth - this.tooltip.offsetWidth;
    this.tooltip.style.left = `${Math.min(Math.max(x - this.tooltip.offsetWidth / 2, 0), Math.max(room, 0))}px`;
    this.tooltip.style.top = `${Math.max((y ?? bottom) - this.tooltip.offsetHeight - 12, 0)}px`;
  }
}

/** The rules and labels of a value axis, its unit on top. */
export function valueAxis({ ticks, y, plot, unit }) {
  const digits = Math.max(...ticks.map((tick) => (String(tick).split('.')[1] ?? '').length));
  const label = new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return s(
    'g',
    { class: 'axis' },
    ticks.map((tick) => [
      s('line', { x1: plot.left, x2: plot.right, y1: y(tick), y2: y(tick), class: tick === 0 ? 'zero' : null }),
      s('text', { x: plot.left - 8, y: y(tick), dy: '.32em', 'text-anchor': 'end' }, label.format(tick)),
    ]),
    s('text', { x: plot.left - 8, y: plot.top - 14, 'text-anchor': 'end', class: 'unit' }, unit),
  );
}

/** Labels `{x, text}` below the plot; those that would stand over its edge lean inwards. */
export function placeAxis({ labels, plot }) {
  return s(
    'g',
    { class: 'axis' },
    labels.map(({ x, text }) => {
      const anchor = x < plot.left + 8 ? 'start' : x > plot.right - 4 ? 'end' : 'middle';
      return s('text', { x, y: plot.bottom + 18, 'text-anchor': anchor }, text);
    }),
  );
}
