// Turns an act into a button that says how it went; one that cannot be undone is asked about first.
import { Trouble } from './api.js';
import { fill, h, write } from './elements.js';

/** `act` makes the change and throws a Trouble; with `question`, it is asked before. Answers the element. */
export function actButton({ words, act, question = null, label = null }) {
  const trouble = h('span', { class: 'trouble small', role: 'alert' });
  const place = h('span', { class: 'act' });
  const button = (text, click, kind = 'quiet') =>
    h('button', { type: 'button', class: kind, click, 'aria-label': text === words ? label : null }, text);
  const rest = () => {
    delete place.dataset.asks;
    fill(place, button(words, question ? ask : run), trouble);
  };
  const ask = () => {
    write(trouble, '');
    place.dataset.asks = ''; // whatever stands around it waits for the answer
    fill(place, h('span', { class: 'small' }, question), button('Yes', run, 'bad'), button('No', back));
    place.lastElementChild.focus(); // whoever presses a key twice has not answered
  };
  const back = () => (rest(), place.querySelector('button').focus());
  const run = async () => {
    delete place.dataset.asks;
    for (const each of place.querySelectorAll('button')) each.disabled = true;
    write(trouble, '');
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      write(trouble, error.message);
    }
    rest();
  };
  rest();
  return place;
}
