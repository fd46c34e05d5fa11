// Turns a prepaid panel's balance and forecast into what is left, how long it lasts, and a way to top up.
import { DepletionBand } from './depletion_band.js';
import { h, write } from './elements.js';
import { isUsedUp, lasting } from './forecast_words.js';
import { ago, roughly, time, units } from './format.js';
import { TopUp } from './top_up.js';

const HOUR_MS = 3_600_000;
const OLD_MS = 6 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;
const SOON_DAYS = 3;
const VERY_SOON_DAYS = 1;

export class Prepaid {
  #panel;

  /** `isAlone` leaves out the form: the view of one panel has forms of its own. */
  constructor({ panel, site, api, isAlone = false }) {
    this.#panel = panel;
    this.about = h('small', {}, 'about ');
    this.balance = h('strong');
    this.lasts = h('p', { class: 'lasts' });
    this.known = h('p', { class: 'faint small' });
    this.learning = h('span', { class: 'badge', title: 'There is little history yet: the span is wide' }, 'learning');
    this.band = new DepletionBand();
    this.unknown = h('p', { class: 'faint' }, 'How long they last is known once there are readings.');
    this.topUp = isAlone ? null : new TopUp({ panel, site, api });
    this.element = h(
      'section',
      { class: 'prepaid', 'aria-label': 'Prepaid units' },
      h('header', {}, h('h3', {}, 'Units left'), this.learning),
      h('div', { class: 'left' }, h('p', { class: 'figure' }, this.about, this.balance), this.lasts),
      this.known,
      this.band.element,
      this.unknown,
      this.topUp?.element,
    );
  }

  update(now_ms) {
    const { prepaid, zone } = this.#panel;
    const forecast = prepaid?.forecast;
    this.about.hidden = !isEstimated(prepaid);
    write(this.balance, left(prepaid));
    const since = known(this.#panel, now_ms);
    this.known.hidden = !since;
    write(this.known, since);
    write(this.lasts, forecast ? lasting(forecast) : '');
    this.learning.hidden = forecast?.method !== 'LEARNING';
    this.element.dataset.level = level(prepaid);
    this.band.element.hidden = !forecast || isUsedUp(forecast);
    this.unknown.hidden = Boolean(forecast);
    if (forecast) this.band.show({ depletesAt: forecast.depletesAt, zone, now_ms });
  }

  end() {
    this.band.end();
  }
}

/** Whether some of the units were likely used since the balance was known. */
const isEstimated = (prepaid) =>
  prepaid?.estimatedBalanceKwh != null && Number(prepaid.estimatedBalanceKwh) !== Number(prepaid.balanceKwh);

function left(prepaid) {
  if (prepaid?.balanceKwh == null) return 'not known';
  return isEstimated(prepaid) ? roughly(prepaid.estimatedBalanceKwh) : units(prepaid.balanceKwh);
}

/** Of an old balance, what it was and when; nothing of a new one. */
function known({ prepaid, reading, zone }, now_ms) {
  const at_ms = Date.parse(prepaid?.balanceAt);
  if (!isEstimated(prepaid)) return now_ms - at_ms > OLD_MS ? `as last known ${ago(at_ms, now_ms)}` : '';
  const on = time(at_ms, { zone, shape: now_ms - at_ms < DAY_MS ? 'weekdayTime' : 'day' });
  return `${units(prepaid.balanceKwh)} when last ${reading ? 'known' : 'looked at'}, on ${on}`;
}

function level(prepaid) {
  const left_kwh = prepaid?.estimatedBalanceKwh ?? prepaid?.balanceKwh;
  if (left_kwh != null && Number(left_kwh) <= 0) return 'empty';
  const days = prepaid?.forecast?.daysLeft ?? Infinity;
  return days < VERY_SOON_DAYS ? 'empty' : days < SOON_DAYS ? 'low' : 'fine';
}
