// Turns a prepaid panel's balance and forecast into what is left, how long it lasts, and a way to top up.
import { DepletionBand } from './depletion_band.js';
import { h, write } from './elements.js';
import { lasting } from './forecast_words.js';
import { ago, units } from './format.js';
import { TopUp } from './top_up.js';

const OLD_MS = 6 * 3_600_000;
const SOON_DAYS = 3;
const VERY_SOON_DAYS = 1;

export class Prepaid {
  #panel;

  /** `isAlone` leaves out the form: the view of one panel has forms of its own. */
  constructor({ panel, site, api, isAlone = false }) {
    this.#panel = panel;
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
      h('div', { class: 'left' }, h('p', { class: 'figure' }, this.balance), this.lasts),
      this.known,
      this.band.element,
      this.unknown,
      this.topUp?.element,
    );
  }

  update(now_ms) {
    const { prepaid, zone } = this.#panel;
    const forecast = prepaid?.forecast;
    write(this.balance, prepaid?.balanceKwh == null ? 'not known' : units(prepaid.balanceKwh));
    this.known.hidden = !(now_ms - Date.parse(prepaid?.balanceAt) > OLD_MS);
    write(this.known, this.known.hidden ? '' : `as last known ${ago(Date.parse(prepaid.balanceAt), now_ms)}`);
    write(this.lasts, forecast ? lasting(forecast) : '');
    this.learning.hidden = forecast?.method !== 'LEARNING';
    this.element.dataset.level = level(prepaid);
    this.band.element.hidden = !forecast;
    this.unknown.hidden = Boolean(forecast);
    if (forecast) this.band.show({ depletesAt: forecast.depletesAt, zone, now_ms });
  }

  end() {
    this.band.end();
  }
}

function level(prepaid) {
  if (prepaid?.balanceKwh != null && Number(prepaid.balanceKwh) <= 0) return 'empty';
  const days = prepaid?.forecast?.daysLeft ?? Infinity;
  return days < VERY_SOON_DAYS ? 'empty' : days < SOON_DAYS ? 'low' : 'fine';
}
