// Turns a forecast into sentences that a household understands: how long, by which method, and how earlier ones did.
import { about, ago, count, percent } from './format.js';

const METHODS = {
  LEARNING: () => 'Learning: less than a day of data is known, so the span is wide.',
  PROFILE: (days) => `From the usual hours and weekdays of ${days} of data.`,
  MODEL: (days) => `By the trained model, from ${days} of data.`,
};

/** "about 4 days left". */
export const lasting = ({ daysLeft }) =>
  daysLeft == null ? 'more than 90 days left' : isUsedUp({ daysLeft }) ? 'used up' : `about ${about(daysLeft)} left`;

export const isUsedUp = ({ daysLeft }) => daysLeft != null && daysLeft <= 0;

/** How it was made, and how old what it knows is. */
export function making({ method, historyDays, dataUpTo }, now_ms) {
  const words = METHODS[method]?.(about(historyDays)) ?? '';
  return `${words} The newest data came ${ago(Date.parse(dataUpTo), now_ms)}.`.trim();
}

/** How earlier forecasts of the panel did, once one could be judged. */
export function judged({ resolvedCount, coveragePercent, medianAbsoluteErrorHours: hours }) {
  if (!resolvedCount) return 'No earlier forecast could be judged yet.';
  const earlier = resolvedCount === 1 ? '1 earlier forecast' : `${count(resolvedCount)} earlier forecasts`;
  return `Of ${earlier}, ${percent(coveragePercent / 100)} came true within their span, as 80% should; typically ${about(hours / 24)} off.`;
}
