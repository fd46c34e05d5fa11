// Turns an e-mail address and a password into a session, and keeps it for this browser tab only.

const KEY = 'kilowatch:session';
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const SIGN_IN = `mutation SignIn($input: LogInInput!) {
  logIn(input: $input) {
    session { accessToken expiresAt refreshToken refreshExpiresAt }
    secondFactor { expiresAt }
    refusal { code message field }
  }
}`;
const REFRESH = `mutation Refresh($input: RefreshSessionInput!) {
  refreshSession(input: $input) { session { accessToken expiresAt refreshToken refreshExpiresAt } }
}`;
const NEEDS_CODE = 'Sign in on the dashboard: it asks for the code of your authenticator app.';
const EARLY_MS = 30_000;

/** When the session is over; its access token is renewed before. */
export const endOf = ({ refreshExpiresAt, expiresAt }) => refreshExpiresAt ?? expiresAt;
export const isExpired = (session) => !(Date.parse(endOf(session)) > Date.now());

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
  const left_ms = Date.parse(endOf(session)) - Date.now();
  const timer = setTimeout(then, Math.min(Math.max(left_ms, 0), LONGEST_TIMER_MS));
  return () => clearTimeout(timer);
}

/** `{current}`: answers an access token that counts for a while, renewed for all who ask; null when there is none. */
export function tokensOf(endpoint, session) {
  let [newest, renewing] = [kept() ?? session, null];
  const renew = async () => {
    const input = { refreshToken: newest.refreshToken ?? '' };
    const answer = await post(endpoint, { query: REFRESH, variables: { input } });
    const renewed = answer?.data?.refreshSession?.session;
    if (renewed && kept()) keep((newest = { ...newest, ...renewed }));
    renewing = null;
  };
  const current = async () => {
    if (Date.parse(newest.expiresAt) - Date.now() < EARLY_MS) await (renewing ??= renew());
    return newest.accessToken;
  };
  return { current };
}

/** Ends the kept session on the server; one that is away forgets it later. */
export function logOut(endpoint) {
  const token = kept()?.accessToken;
  if (token) post(endpoint, { query: 'mutation { logOut { ended } }' }, { authorization: `Bearer ${token}` });
}

/** `{session}` or `{refusal: {message, field}}`; a server that is away or broken is a refusal too. */
export async function signIn(endpoint, { email, password }) {
  const answer = await post(endpoint, { query: SIGN_IN, variables: { input: { email, password } } });
  const { session, secondFactor, refusal } = answer?.data?.logIn ?? {};
  if (secondFactor) return { refusal: { message: NEEDS_CODE } };
  if (session) return { session: { ...session, email } };
  return { refusal: refusal ?? { message: answer?.errors?.[0]?.message ?? 'The server cannot be reached.' } };
}

async function post(endpoint, body, more = {}) {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        ...more,
      },
      body: JSON.stringify(body),
    });
    return await response.json();
  } catch {
    return null;
  }
}
