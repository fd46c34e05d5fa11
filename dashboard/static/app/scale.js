// Turns values into positions, and a span of values into round steps for an axis.

/** A function from values to positions. */
export const scale =
  ([low, high], [start, end]) =>
  (value) =>
    start + ((value - low) / (high - low || 1)) * (end - start);

/** `{low, high, ticks}`: round values that enclose the span in about `count` steps. */
export function roundSteps(low, high, count = 4) {
  const step = roundStep((high - low || Math.abs(high) || 1) / count);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, place) => exact((first + place) * step));
  return { low: ticks[0], high: ticks.at(-1), ticks };
}

function roundStep(rough) {
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  return magnitude * [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= rough * (1 - 1e-9));
}

const exact = (value) => Number(value.toPrecision(12));

/** The commands of an SVG path through points. */
export const line = (points) => points.map(([x, y], place) => `${place ? 'L' : 'M'}${tenth(x)} ${tenth(y)}`).join('');

const tenth = (value) => Math.round(value * 10) / 10;
