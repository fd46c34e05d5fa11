// Turns a session into an access token that counts: it is renewed shortly before it expires, once for all who ask.
import { Api } from './api.js';
import { REFRESH } from './operations.js';

const EARLY_MS = 30_000; // clocks differ a little, and what is asked takes its time
const AGAIN_AFTER_MS = [1000, 2000, 4000]; // an answer that was lost is given again for 10 s
const SIBLINGS_ANSWER_MS = 150;

/**
 * A tab that was duplicated has the same session, and a refresh token that is used twice ends it: tabs of one session
 * renew it one after another, and tell each other.
 */
export class Tokens {
  #api;
  #session;
  #renewed;
  #name;
  #renewing = null;
  #siblings = null;
  #hasAsked = false;

  /** `renewed` is called with each new session. */
  constructor(endpoint, session, { renewed = () => {} } = {}) {
    this.#api = new Api(endpoint);
    this.#session = session;
    this.#renewed = renewed;
    this.#name = `kilowatch:session:${sessionIdOf(session) ?? 'unknown'}`;
    this.#siblings = sessionIdOf(session) ? new BroadcastChannel(this.#name) : null;
    if (this.#siblings) this.#siblings.onmessage = ({ data }) => this.#heard(data);
  }

  /** A token that counts for a while; throws a Trouble when it has to be renewed and cannot be. */
  async current() {
    if (left_ms(this.#session) < EARLY_MS) await this.renew();
    return this.#session.accessToken;
  }

  /** Renews the session; throws a Trouble: BAD_REFRESH_TOKEN when it is over. */
  renew() {
    this.#renewing ??= this.#inTurn().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  /** Tells nobody any more. */
  close() {
    this.#siblings?.close();
    this.#siblings = null;
  }

  async #inTurn() {
    const { refreshToken } = this.#session;
    const renew = async () => {
      if (!this.#hasAsked) await this.#newestOfSiblings();
      if (this.#session.refreshToken === refreshToken) await this.#renew();
    };
    // Locks are missing where the page was not loaded over https or from this machine.
    return navigator.locks ? navigator.locks.request(this.#name, renew) : renew();
  }

  async #renew() {
    const input = { refreshToken: this.#session.refreshToken ?? '' };
    const { session } = await patiently(() => this.#api.change(REFRESH, input));
    this.#take({ ...this.#session, ...session });
    this.#siblings?.postMessage({ session });
  }

  /** A tab that slept may have missed what the others told: it asks once. */
  async #newestOfSiblings() {
    this.#hasAsked = true;
    if (!this.#siblings) return;
    this.#siblings.postMessage({ isAsking: true });
    await new Promise((resolve) => setTimeout(resolve, SIBLINGS_ANSWER_MS));
  }

  #heard({ session, isAsking }) {
    if (isAsking) this.#siblings?.postMessage({ session: partsOf(this.#session) });
    else if (Date.parse(session.expiresAt) > Date.parse(this.#session.expiresAt))
      this.#take({ ...this.#session, ...session });
  }

  #take(session) {
    this.#session = session;
    this.#renewed(session);
  }
}

const left_ms = ({ expiresAt }) => Date.parse(expiresAt) - Date.now();

const partsOf = ({ accessToken, expiresAt, refreshToken, refreshExpiresAt }) => ({
  accessToken,
  expiresAt,
  refreshToken,
  refreshExpiresAt,
});

/** Which session an access token is of; null where it does not say. */
function sessionIdOf({ accessToken }) {
  try {
    return JSON.parse(atob(accessToken.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sid ?? null;
  } catch {
    return null;
  }
}

async function patiently(ask) {
  for (const wait_ms of AGAIN_AFTER_MS) {
    try {
      return await ask();
    } catch (trouble) {
      if (trouble.code !== 'UNREACHABLE') throw trouble;
    }
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
  }
  return ask();
}
