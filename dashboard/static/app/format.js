// Turns numbers, money and instants into text of the reader's language, with units and in the panel's time zone.

const SPACE = '\u00a0';
const formats = new Map();

function formatOf(Kind, options) {
  const key = Kind.name + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Kind(undefined, options));
  return formats.get(key);
}

const rounded = (value, digits) =>
  formatOf(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** A number with as many digits as a person reads at a glance: 0.123, 1.23, 12.3, 123. */
function glance(value) {
  const size = Math.abs(value);
  return rounded(value, size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0);
}

/** The number without its unit; a dash where there is none. */
export const powerNumber = (kw) => (kw == null ? '–' : glance(kw));

export const power = (kw) => (kw == null ? 'no value' : `${glance(kw)}${SPACE}kW`);
export const energy = (kwh) => (kwh == null ? 'no value' : `${rounded(kwh, Math.abs(kwh) < 100 ? 2 : 1)}${SPACE}kWh`);
export const register = (kwh) => (kwh == null ? '–' : `${rounded(kwh, 2)}${SPACE}kWh`);
export const units = (kwh) => `${rounded(kwh, 2)}${SPACE}kWh`;
export const roughly = (kwh) => `${rounded(kwh, 1)}${SPACE}kWh`;
export const ratio = (value) => (value == null ? '–' : rounded(value, 2));
export const count = (value) => rounded(value, 0);

/** A text whose long numbers are easier to read: "at most 1,000,000". */
export const grouped = (text) => text.replace(/(?<![\d.,])\d{5,15}(?![\d.,]*\d)/g, (digits) => count(Number(digits)));

/** What the reader's language writes between thousands. */
export const groupSign = () =>
  formatOf(Intl.NumberFormat, { useGrouping: 'always' })
    .formatToParts(1000)
    .find(({ type }) => type === 'group')?.value;

export const percent = (share) => formatOf(Intl.NumberFormat, { style: 'percent' }).format(share);

/** Money to its last digit, by the code of its currency as people type it: a sign may be that of several. */
export const money = ({ amount, currency }) =>
  formatOf(Intl.NumberFormat, { style: 'currency', currency, currencyDisplay: 'code' }).format(amount);

/** The price of a kWh, which may have parts of a cent. */
export const price = ({ amount, currency }) =>
  formatOf(Intl.NumberFormat, {
    style: 'currency',
    currency,
    currencyDisplay: 'code',
    maximumFractionDigits: 4,
  }).format(amount);

/** A span of days as days and hours: "2 d 4 h", "5 h", "20 min". */
export function daysLeft(days) {
  const minutes = Math.max(Math.round(days * 1440), 0);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24 * 14) return span(Math.round(days), 'day');
  if (hours >= 24)
    return [span(Math.floor(hours / 24), 'day'), hours % 24 && span(hours % 24, 'hour')].filter(Boolean).join(' ');
  return hours ? span(hours, 'hour') : span(minutes, 'minute');
}

/** A span of days as people say it: "4 days", "30 hrs", "20 mins". */
export function about(days) {
  const hours = days * 24;
  if (hours >= 48) return span(Math.round(days), 'day');
  return hours >= 2 ? span(Math.round(hours), 'hour') : span(Math.max(Math.round(days * 1440), 0), 'minute');
}

const span = (value, unit) =>
  formatOf(Intl.NumberFormat, { style: 'unit', unit, unitDisplay: unit === 'day' ? 'long' : 'short' }).format(value);

const SHAPES = {
  clock: { hour: '2-digit', minute: '2-digit' },
  second: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  weekday: { weekday: 'short' },
  day: { day: 'numeric', month: 'short' },
  weekdayDay: { weekday: 'short', day: 'numeric', month: 'short' },
  weekdayTime: { weekday: 'short', hour: '2-digit', minute: '2-digit' },
  weekdayClock: { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  dayClock: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  date: { day: 'numeric', month: 'short', year: 'numeric' },
  dateClock: { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' },
  month: { month: 'short' },
  monthYear: { month: 'long', year: 'numeric' },
};

/** An instant as one of the shapes above, in the zone. */
export const time = (at, { zone, shape }) =>
  formatOf(Intl.DateTimeFormat, { ...SHAPES[shape], timeZone: zone }).format(new Date(at));

/** A local calendar day, 'YYYY-MM-DD', as one of the shapes. */
export const day = (date, shape) => time(`${date}T00:00:00Z`, { zone: 'UTC', shape });

export const monthName = ({ year, month }) => time(Date.UTC(year, month - 1, 1), { zone: 'UTC', shape: 'monthYear' });

/** How long ago: "now", "3 minutes ago", "yesterday". */
export function ago(at_ms, now_ms) {
  const seconds = Math.round((now_ms - at_ms) / 1000);
  const [size, unit] = [
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
  ].find(([s]) => seconds >= s) ?? [1, 'second'];
  return formatOf(Intl.RelativeTimeFormat, { numeric: 'auto' }).format(-Math.max(Math.floor(seconds / size), 0), unit);
}

/** What the zone is called, when it is not the reader's own: "GMT+7"; otherwise nothing. */
export function zoneName(zone, at_ms) {
  const own = formatOf(Intl.DateTimeFormat, {}).resolvedOptions().timeZone;
  if (zone === own) return '';
  const parts = formatOf(Intl.DateTimeFormat, { timeZone: zone, timeZoneName: 'short' }).formatToParts(at_ms);
  return parts.find(({ type }) => type === 'timeZoneName').value;
}
