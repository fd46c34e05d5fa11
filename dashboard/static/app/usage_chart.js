// Turns daily usage into a drawing: a bar a local day, and the average of the 30 days up to it as a line.
import { placeAxis, valueAxis } from './chart.js';
import { s } from './elements.js';
import { day, energy } from './format.js';
import { line, roundSteps, scale } from './scale.js';

const HEIGHT = 240;
const LABEL_WIDTH = 64;

const BY_DAY = { every: 'Daily usage', of: 'days', short: 'day', long: 'weekdayDay' };
const BY_MONTH = { every: 'Monthly usage', of: 'months', short: 'month', long: 'monthYear' };

/**
 * Draws `{date, energyKwh, isPartial, movingAverage30dKwh}`: columns of equal length, a bar a day, or a month where
 * they are `isMonthly`.
 */
export const usageDrawing = (daily, { isMonthly = false } = {}) => (width) => {
  const words = isMonthly ? BY_MONTH : BY_DAY;
  const plot = { left: 48, right: width - 24, top: 28, bottom: HEIGHT - 28 };
  const known = [...daily.energyKwh, ...daily.movingAverage30dKwh].filter((kwh) => kwh != null);
  const { low, high, ticks } = roundSteps(0, Math.max(0.1, ...known));
  const slot = (plot.right - plot.left) / daily.date.length;
  const x = (place) => plot.left + (place + 0.5) * slot;
  const y = scale([low, high], [plot.bottom, plot.top]);
  return {
    height: HEIGHT,
    plot,
    nodes: [
      valueAxis({ ticks, y, plot, unit: 'kWh' }),
      placeAxis({ labels: dayLabels(daily.date, { x, slot, words }), plot }),
      daily.energyKwh.map(
        (kwh, place) => kwh != null && bar({ kwh, isPartial: daily.isPartial[place], x: x(place), slot, y }),
      ),
      averageLine(daily.movingAverage30dKwh, { x, y }),
    ],
    stops: daily.date.map((date, place) => stop(daily, place, { x: x(place), y, words })),
    summary: summary(daily, words),
  };
};

function dayLabels(dates, { x, slot, words }) {
  const every = Math.max(Math.ceil(LABEL_WIDTH / slot), 1);
  const last = dates.length - 1;
  return dates.flatMap((date, place) => ((last - place) % every ? [] : [{ x: x(place), text: day(date, words.short) }]));
}

function bar({ kwh, isPartial, x, slot, y }) {
  const width = Math.max(slot * 0.68, 2);
  const height = Math.max(y(0) - y(kwh), kwh > 0 ? 1 : 0);
  const kind = isPartial ? 'bar partial' : 'bar';
  return s('rect', {
    class: kind,
    x: x - width / 2,
    y: y(0) - height,
    width,
    height,
    rx: Math.min(3, width / 3, height / 2),
  });
}

function averageLine(averages, { x, y }) {
  const points = averages.flatMap((kwh, place) => (kwh == null ? [] : [[x(place), y(kwh)]]));
  return points.length > 1 && s('path', { class: 'average-line', d: line(points) });
}

function stop({ date, energyKwh, isPartial, movingAverage30dKwh: averages }, place, { x, y, words }) {
  const kwh = energyKwh[place];
  const used = isPartial[place] && kwh != null ? `${energy(kwh)} so far or in part` : energy(kwh);
  const average = averages[place] == null ? [] : [`30-day average ${energy(averages[place])}`];
  return { x, y: kwh == null ? null : y(kwh), title: day(date[place], words.long), lines: [used, ...average] };
}

function summary({ date, energyKwh, movingAverage30dKwh }, words) {
  const known = energyKwh.filter((kwh) => kwh != null);
  if (!known.length) return `${words.every}: nothing was measured.`;
  const highest = Math.max(...known);
  const on = day(date[energyKwh.indexOf(highest)], words.long);
  const average = movingAverage30dKwh.at(-1);
  const averaged = average == null ? '' : ` The 30-day average is ${energy(average)} a day.`;
  return `${words.every} of ${date.length} ${words.of}: highest ${energy(highest)} on ${on}, last ${energy(known.at(-1))}.${averaged}`;
}
