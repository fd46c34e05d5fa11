// Turns the last hour of a panel's power into a line without axes, with its gaps left open.
import { s } from './elements.js';
import { power } from './format.js';
import { line, scale } from './scale.js';
import { runs } from './series.js';

const [WIDTH, HEIGHT, EDGE] = [200, 56, 3];

/** An SVG that its holder stretches; the newest point is marked while the panel is heard of. */
export class Sparkline {
  constructor() {
    this.nodes = s('g');
    const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', class: 'sparkline' };
    this.element = s('svg', view, this.nodes);
  }

  show(series, { from_ms, to_ms }) {
    const values = series.kw.filter((kw) => kw != null);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = Math.max((high - low) * 0.1, Math.abs(high) * 0.02, 0.005);
    const x = scale([from_ms, to_ms], [0, WIDTH]);
    const y = scale([low - room, high + room], [HEIGHT - EDGE, EDGE]);
    this.nodes.replaceChildren(...runs(series).flatMap((run) => drawnRun(run, x, y)));
    this.element.setAttribute('aria-label', summary(values, low, high));
  }
}

function drawnRun(run, x, y) {
  const points = run.map(({ at_ms, kw }) => [x(at_ms), y(kw)]);
  if (points.length === 1) points.push([points[0][0] + 0.5, points[0][1]]);
  const path = line(points);
  const area = `${path}L${points.at(-1)[0]} ${HEIGHT}L${points[0][0]} ${HEIGHT}Z`;
  return [s('path', { class: 'power-area', d: area }), s('path', { class: 'power-line', d: path })];
}

const summary = (values, low, high) =>
  values.length ? `Power of the last hour: ${power(low)} to ${power(high)}` : 'No readings in the last hour';
