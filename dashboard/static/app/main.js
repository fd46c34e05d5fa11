// Turns the page's element and its data-endpoint attribute into the dashboard: sign-in first, then the panels.
import { Api } from './api.js';
import { fill } from './elements.js';
import { LOG_OUT } from './operations.js';
import { forget, isExpired, keep, kept, whenExpired } from './session.js';
import { signInPage } from './sign_in.js';
import { SignedIn } from './signed_in.js';
import { Tokens } from './tokens.js';

const EXPIRED = 'Your session has expired. Sign in again.';
const REFUSED = 'The server no longer takes your session. Sign in again.';

const page = document.getElementById('page');
const endpoint = new URL(document.documentElement.dataset.endpoint, location.href);

function restore() {
  const session = kept();
  if (!session) return showSignIn();
  return isExpired(session) ? signOut(EXPIRED) : showPanels(session);
}

function signOut(notice = '') {
  forget();
  showSignIn(notice);
}

function showSignIn(notice = '') {
  fill(page, signInPage({ endpoint, notice, signedIn: (session) => (keep(session), showPanels(session)) }));
  page.querySelector('input').focus();
}

function showPanels(session) {
  let stopWaiting = () => {};
  const wait = (renewed) => {
    stopWaiting();
    stopWaiting = whenExpired(renewed, () => end(EXPIRED));
  };
  const tokens = new Tokens(endpoint, session, { renewed: (next) => isOver || (keep(next), wait(next)) });
  let isOver = false; // answers that were on their way must not end the session that comes next
  const end = (notice) => {
    if (isOver) return;
    isOver = true;
    stopWaiting();
    tokens.close();
    shown.end();
    signOut(notice);
  };
  const refused = () => end(isExpired(session) ? EXPIRED : REFUSED);
  const leave = () => {
    new Api(endpoint, { tokens }).ask(LOG_OUT).catch(() => {}); // a server that is away forgets the session later
    end('');
  };
  const shown = new SignedIn({ endpoint, tokens, email: session.email, signOut: leave, refused });
  wait(session);
  fill(page, shown.element);
}

restore();
