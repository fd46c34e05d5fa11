// Turns an e-mail address and a password into a session, and keeps it for this browser tab only.

const KEY = 'kilowatch:session';
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const SIGN_IN = `mutation SignIn($input: LogInInput!) {
  logIn(input: $input) {
    session { accessToken expiresAt }
    refusal { code message field }
  }
}`;

export const isExpired = (session) => !(Date.parse(session.expiresAt) > Date.now());

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

/** Calls `then` when the session expires; answers a function that cancels it. */
export function whenExpired(session, then) {
  const left_ms = Date.parse(session.expiresAt) - Date.now();
  const timer = setTimeout(then, Math.min(Math.max(left_ms, 0), LONGEST_TIMER_MS));
  return () => clearTimeout(timer);
}

/** `{session}` or `{refusal: {message, field}}`; a server that is away or broken is a refusal too. */
export async function signIn(endpoint, { email, password }) {
  const answer = await post(endpoint, { query: SIGN_IN, variables: { input: { email, password } } });
  const { session, refusal } = answer?.data?.logIn ?? {};
  if (session) return { session: { ...session, email } };
  return { refusal: refusal ?? { message: answer?.errors?.[0]?.message ?? 'The server cannot be reached.' } };
}

async function post(endpoint, body) {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
      body: JSON.stringify(body),
    });
    return await response.json();
  } catch {
    return null;
  }
}
