// Turns an e-mail address and a password into a session, and keeps it for this browser tab, GraphiQL included.

const KEY = 'kilowatch:session';
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Whether the session is over; its access token is renewed before. */
export const isExpired = (session) => !(Date.parse(end_of(session)) > Date.now());

const end_of = ({ refreshExpiresAt, expiresAt }) => refreshExpiresAt ?? expiresAt;

/** The kept session, also when it has expired; null when there is none or it cannot be read. */
export function kept() {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY));
    return session?.accessToken && session.expiresAt ? session : null;
  } catch {
    return null;
  }
}

export const keep = (session) => sessionStorage.setItem(KEY, JSON.stringify(session));
export const forget = () => sessionStorage.removeItem(KEY);

/** Calls `then` when the session is over; answers a function that cancels it. */
export function whenExpired(session, then) {
  let timer;
  const wait = () => {
    const left_ms = Date.parse(end_of(session)) - Date.now();
    timer = left_ms > 0 ? setTimeout(wait, Math.min(left_ms, LONGEST_TIMER_MS)) : setTimeout(then);
  };
  wait();
  return () => clearTimeout(timer);
}
