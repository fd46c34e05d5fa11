// Turns an address and a password into requests with a token that is always good.

const LOG_IN = `mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    session { accessToken expiresAt }
    refusal { code message }
  }
}`;

export class Session {
  #asked;
  #kept = null;

  constructor({ url, email, password }) {
    this.#asked = { url, input: { email, password } };
  }

  /** The token; a new one is fetched when there is none, or the last one has expired. */
  async token() {
    const kept = await (this.#kept ??= this.#signIn());
    if (Date.parse(kept.expiresAt) > Date.now()) return kept.accessToken;
    this.forget();
    return this.token();
  }

  /** To be called when the server no longer takes the token: HTTP 401, close code 4403. */
  forget() {
    this.#kept = null;
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

  async #signIn() {
    try {
      const { url, input } = this.#asked;
      const body = JSON.stringify({ query: LOG_IN, variables: { input } });
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const { session, refusal } = (await answer.json()).data.logIn;
      if (refusal) throw new Error(`${refusal.code}: ${refusal.message}`);
      return session;
    } catch (trouble) {
      this.forget();
      throw trouble;
    }
  }
}
