// Turns expected usage into a drawing: the likely use of each day or hour to come, in the band that it stays in mostly.
import { placeAxis, valueAxis } from './chart.js';
import { s } from './elements.js';
import { energy, time } from './format.js';
import { line, roundSteps, scale } from './scale.js';

const HEIGHT = 220;
const LABEL_WIDTH = 64;
const SHAPES = {
  day: { label: 'day', title: 'weekdayDay' },
  hour: { label: 'clock', title: 'weekdayTime' },
};

/** Draws columns `{startsAt, p10Kwh, p50Kwh, p90Kwh}` of spans that are each a 'day' or an 'hour'. */
export const fanDrawing =
  ({ columns, zone, span }) =>
  (width) => {
    const { startsAt, p10Kwh, p50Kwh, p90Kwh } = columns;
    const plot = { left: 48, right: width - 24, top: 28, bottom: HEIGHT - 28 };
    const { low, high, ticks } = roundSteps(0, Math.max(0.01, ...p90Kwh));
    const slot = (plot.right - plot.left) / startsAt.length;
    const x = (place) => plot.left + (place + 0.5) * slot;
    const y = scale([low, high], [plot.bottom, plot.top]);
    const points = (values) => values.map((kwh, place) => [x(place), y(kwh)]);
    return {
      height: HEIGHT,
      plot,
      nodes: [
        valueAxis({ ticks, y, plot, unit: 'kWh' }),
        placeAxis({ labels: labels(startsAt, { x, slot, zone, shape: SHAPES[span].label }), plot }),
        s('path', { class: 'fan', d: `${line([...points(p90Kwh), ...points(p10Kwh).reverse()])}Z` }),
        s('path', { class: 'fan-line', d: line(points(p50Kwh)) }),
      ],
      stops: startsAt.map((at, place) => ({
        x: x(place),
        y: y(p50Kwh[place]),
        title: time(at, { zone, shape: SHAPES[span].title }),
        lines: [`likely ${energy(p50Kwh[place])}`, `between ${energy(p10Kwh[place])} and ${energy(p90Kwh[place])}`],
      })),
      summary: summary(columns, { zone, span }),
    };
  };

function labels(startsAt, { x, slot, zone, shape }) {
  const every = Math.max(Math.ceil(LABEL_WIDTH / slot), 1);
  return startsAt.flatMap((at, place) => (place % every ? [] : [{ x: x(place), text: time(at, { zone, shape }) }]));
}

function summary({ startsAt, p50Kwh }, { zone, span }) {
  if (!startsAt.length) return 'Expected usage: nothing is known yet.';
  const until = time(startsAt.at(-1), { zone, shape: SHAPES[span].title });
  const mean = p50Kwh.reduce((sum, kwh) => sum + kwh, 0) / p50Kwh.length;
  return `Expected usage by ${span} until ${until}: likely ${energy(mean)} on average.`;
}
