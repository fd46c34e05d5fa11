// Turns a balance that goes down into a drawing: the likely line, the band between early and late, and a "what if".
import { placeAxis, valueAxis } from './chart.js';
import { s } from './elements.js';
import { time, units } from './format.js';
import { timeLabels } from './power_chart.js';
import { line, roundSteps, scale } from './scale.js';

const HEIGHT = 240;

/** Draws columns `{at_ms, early, likely, late}` in a zone; `other` is a second pair of them, drawn as a dashed line. */
export const balanceDrawing =
  ({ balance, other = null, zone }) =>
  (width) => {
    const plot = { left: 48, right: width - 12, top: 28, bottom: HEIGHT - 28 };
    const both = [balance, other].filter(Boolean);
    const [from_ms, to_ms] = [balance.at_ms[0], Math.max(...both.map(({ at_ms }) => at_ms.at(-1)))];
    const { low, high, ticks } = roundSteps(
      0,
      Math.max(0.1, ...both.flatMap(({ likely, late }) => [...likely, ...late])),
    );
    const x = scale([from_ms, to_ms], [plot.left, plot.right]);
    const y = scale([low, high], [plot.bottom, plot.top]);
    return {
      height: HEIGHT,
      plot,
      nodes: [
        valueAxis({ ticks, y, plot, unit: 'kWh' }),
        placeAxis({ labels: timeLabels({ from_ms, to_ms, zone, x, width }), plot }),
        s('path', { class: 'fan', d: band(balance, { x, y }) }),
        s('path', { class: 'fan-line', d: line(balance.at_ms.map((at, place) => [x(at), y(balance.likely[place])])) }),
        other &&
          s('path', { class: 'other-line', d: line(other.at_ms.map((at, place) => [x(at), y(other.likely[place])])) }),
      ],
      stops: stops(balance, { x, y, zone }),
      summary: summary(balance, zone),
    };
  };

/** There along the late line, back along the early one. */
function band({ at_ms, early, late }, { x, y }) {
  const there = at_ms.map((at, place) => [x(at), y(late[place])]);
  const back = at_ms.map((at, place) => [x(at), y(early[place])]).reverse();
  return `${line([...there, ...back])}Z`;
}

const stops = ({ at_ms, early, likely, late }, { x, y, zone }) =>
  at_ms.map((at, place) => ({
    x: x(at),
    y: y(likely[place]),
    title: time(at, { zone, shape: 'weekdayClock' }),
    lines: [`likely ${units(likely[place])} left`, `between ${units(early[place])} and ${units(late[place])}`],
  }));

function summary({ at_ms, likely }, zone) {
  const place = likely.indexOf(0);
  const end = place < 0 ? 'is not used up within the days shown' : `is likely used up by ${told(at_ms[place], zone)}`;
  return `Units left: ${units(likely[0])} now, which ${end}.`;
}

const told = (at, zone) => time(at, { zone, shape: 'weekdayClock' });
