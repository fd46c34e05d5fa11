// Turns how it stands with properties into tiles: who is online, whose credit is low, what was used, sold and is owed.
import { h } from './elements.js';
import { count, energy, money } from './format.js';

/** The tiles of one property, or of all together. */
export function overviewTiles(overview, label) {
  const { panelCount, offlineCount, lowBalanceCount, emptyBalanceCount, prepaidCount, vacantCount } = overview;
  return h(
    'section',
    { class: 'overview tiles', 'aria-label': label },
    tile('Panels', count(panelCount), offlineCount ? warned(`${count(offlineCount)} offline`) : 'all online'),
    tile('Let', count(overview.letCount), `${count(vacantCount)} vacant`),
    prepaidCount > 0 && tile('Credit', ...creditWords(lowBalanceCount, emptyBalanceCount)),
    tile('Today', energy(overview.today.energyKwh), sums(overview.today.cost)),
    tile('This month', energy(overview.thisMonth.energyKwh), sums(overview.thisMonth.cost)),
    prepaidCount > 0 && tile('Credit sold this month', sums(overview.creditSold) || 'none'),
    prepaidCount > 0 && tile('Debts', sums(overview.debts) || 'none'),
  );
}

function creditWords(low, empty) {
  if (empty) return [warned(`${count(empty)} empty`, 'bad'), `${count(low)} low`];
  return [low ? warned(`${count(low)} low`) : 'all have units'];
}

const warned = (words, kind = 'warn') => h('span', { class: kind }, words);

/** One amount a currency, those of nothing left out. */
export const sums = (amounts) =>
  amounts
    .filter(({ amount }) => Number(amount))
    .map(money)
    .join(' · ');

const tile = (label, value, below = '') =>
  h('div', { class: 'tile' }, h('span', { class: 'label' }, label), h('strong', {}, value), below && h('small', {}, below));
