// Turns the page's element and its data-endpoint attribute into the dashboard: sign-in first, then the panels.
import { fill } from './elements.js';
import { forget, isExpired, keep, kept, whenExpired } from './session.js';
import { signInPage } from './sign_in.js';
import { SignedIn } from './signed_in.js';

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
  let isOver = false; // answers that were on their way must not end the session that comes next
  const end = (notice) => {
    if (isOver) return;
    isOver = true;
    stopWaiting();
    shown.end();
    signOut(notice);
  };
  const stopWaiting = whenExpired(session, () => end(EXPIRED));
  const refused = () => end(isExpired(session) ? EXPIRED : REFUSED);
  const shown = new SignedIn({ endpoint, session, signOut: () => end(''), refused });
  fill(page, shown.element);
}

restore();
