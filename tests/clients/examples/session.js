// Turns an address and a password into requests with a token that is always good.

const TOKENS = 'session { accessToken expiresAt refreshToken } refusal { code message }';
const LOG_IN = `mutation LogIn($input: LogInInput!) { logIn(input: $input) { ${TOKENS} } }`;
const REFRESH = `mutation Refresh($input: RefreshSessionInput!) { refreshSession(input: $input) { ${TOKENS} } }`;

export class Session {
  #url;
  #password;
  #kept = null;

  constructor({ url, email, password }) {
    this.#url = url;
    this.#password = { email, password };
  }

  /** The token; it is renewed when it has expired, once for all who ask. An app keeps the newest refresh token. */
  async token() {
    const kept = await (this.#kept ??= this.#asked(LOG_IN, this.#password));
    if (Date.parse(kept.expiresAt) > Date.now()) return kept.accessToken;
    this.forget();
    return this.token();
  }

  /** To be called when the server no longer takes the token: HTTP 401, close code 4403. */
  forget() {
    const before = this.#kept;
    this.#kept = before && this.#renewed(before);
    this.#kept?.catch(() => (this.#kept = null));
  }

  /** As the browser's fetch, signed in. */
  fetch = async (url, request = {}) => {
    const sent = async () => {
      const headers = { ...request.headers, authorization: `Bearer ${await this.token()}` };
      return fetch(url, { ...request, headers });
    };
    const answer = await sent();
    if (answer.status !== 401) return answer;
    this.forget();
    return sent();
  };

  /** The session's next tokens; a new session when it is over. Here an app asks for the password again. */
  async #renewed(before) {
    const { refreshToken } = await before;
    try {
      return await this.#asked(REFRESH, { refreshToken });
    } catch (trouble) {
      if (trouble.code !== 'BAD_REFRESH_TOKEN') throw trouble;
      return this.#asked(LOG_IN, this.#password);
    }
  }

  async #asked(query, input) {
    const body = JSON.stringify({ query, variables: { input } });
    const answer = await fetch(this.#url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const [{ session, refusal }] = Object.values((await answer.json()).data);
    if (refusal) throw Object.assign(new Error(`${refusal.code}: ${refusal.message}`), { code: refusal.code });
    return session;
  }
}
