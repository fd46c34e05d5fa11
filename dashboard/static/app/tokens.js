// Turns a session into an access token that counts: it is renewed shortly before it expires, once for all who ask.
import { Api } from './api.js';
import { REFRESH } from './operations.js';

const EARLY_MS = 30_000; // clocks differ a little, and what is asked takes its time
const AGAIN_AFTER_MS = [1000, 2000, 4000]; // an answer that was lost is given again for 10 s

export class Tokens {
  #api;
  #session;
  #renewed;
  #renewing = null;

  /** `renewed` is called with each new session. */
  constructor(endpoint, session, { renewed = () => {} } = {}) {
    this.#api = new Api(endpoint);
    this.#session = session;
    this.#renewed = renewed;
  }

  /** A token that counts for a while; throws a Trouble when it has to be renewed and cannot be. */
  async current() {
    if (left_ms(this.#session) < EARLY_MS) await this.renew();
    return this.#session.accessToken;
  }

  /** Renews the session; throws a Trouble: BAD_REFRESH_TOKEN when it is over. */
  renew() {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew() {
    const input = { refreshToken: this.#session.refreshToken ?? '' };
    const { session } = await patiently(() => this.#api.change(REFRESH, input));
    this.#session = { ...this.#session, ...session };
    this.#renewed(this.#session);
  }
}

const left_ms = ({ expiresAt }) => Date.parse(expiresAt) - Date.now();

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
