// Turns a prepaid panel into the cards of its credit: topping up, what was bought, how long it lasts, who decides.
import { fill, h, write } from './elements.js';
import { Landlord } from './landlord.js';
import { Ledger } from './ledger.js';
import { ACCOUNT } from './operations.js';
import { Outlook } from './outlook.js';
import { Lent, displayForm, lowUnitsForm, ruleWords } from './prepaid_forms.js';
import { TopUp } from './top_up.js';
import { money } from './format.js';

export class PrepaidView {
  #panel;
  #site;
  #api;
  #listening = new AbortController();

  constructor({ panel, site, api }) {
    this.#panel = panel;
    this.#site = site;
    this.#api = api;
    const given = { panel, site, api, code: panel.code };
    const isLandlord = ['LANDLORD', 'ADMIN'].includes(site.role);
    this.outlook = new Outlook({ panel, api });
    this.ledger = new Ledger({ panel, site, api, isLandlord });
    this.landlord = isLandlord ? new Landlord({ panel, site, api }) : null;
    this.lent = new Lent(given);
    this.owed = h('p', { class: 'owed' });
    this.rule = h('p', { class: 'faint' });
    this.trouble = h('p', { class: 'trouble', role: 'alert' });
    this.topUp = new TopUp({ ...given, isWhole: true });
    this.buying = this.#buyingCard(given);
    const { signal } = this.#listening;
    site.addEventListener('credit', ({ detail }) => detail === panel.code && this.refresh(), { signal });
  }

  refresh() {
    this.outlook.refresh();
    this.ledger.refresh();
    this.#readAccount();
  }

  end() {
    this.#listening.abort();
    this.outlook.end();
  }

  #buyingCard(given) {
    return h(
      'section',
      { class: 'card buying', 'aria-label': 'Buy and record units' },
      h('h2', {}, 'Top up'),
      this.owed,
      this.topUp.element,
      this.lent.element,
      h('section', {}, h('h3', {}, 'What the display shows'), displayForm(given).element),
      h('section', {}, h('h3', {}, 'Warn me'), this.rule, lowUnitsForm(given).element),
      this.trouble,
    );
  }

  async #readAccount() {
    try {
      const { panel } = await this.#api.ask(ACCOUNT, { code: this.#panel.code });
      this.#show(panel.prepaid);
      write(this.trouble, '');
    } catch (trouble) {
      write(this.trouble, trouble.message);
    }
  }

  #show(account) {
    const { debt, emergencyCredit, lowUnits, openPaygo } = account;
    this.owed.hidden = !debt;
    fill(this.owed, debt && `${money(debt)} are owed: each top-up pays its share of it.`);
    this.topUp.setPaygo(openPaygo);
    this.lent.show(emergencyCredit?.limitKwh || Number(emergencyCredit?.takenKwh) > 0 ? emergencyCredit : null);
    write(this.rule, ruleWords(lowUnits));
    this.landlord?.show(account);
  }
}
