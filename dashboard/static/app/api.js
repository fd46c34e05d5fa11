// Turns an operation and its variables into the server's data, or into one Trouble that says what went wrong.

const JSON_TYPES = 'application/graphql-response+json, application/json';
const UNAUTHORIZED = 401;
const AWAY = 'The server cannot be reached.';

/** What a person is told when an operation did not give its data. */
export class Trouble extends Error {
  constructor(message, { code = 'UNREACHABLE', field = null } = {}) {
    super(message.replaceAll('`', '')); // the server marks names in its words for who reads them as Markdown
    this.code = code;
    this.field = field;
  }
}

export class Api {
  #endpoint;
  #tokens;
  #onRefused;

  /** `tokens` says by which token it asks (Tokens); `onRefused` is called when the server takes none any more. */
  constructor(endpoint, { tokens = null, onRefused = () => {} } = {}) {
    this.#endpoint = endpoint;
    this.#tokens = tokens;
    this.#onRefused = onRefused;
  }

  /** The data of a query or mutation; throws a Trouble when there are errors or no answer. */
  async ask(query, variables = {}) {
    let answer = await this.#answer({ query, variables });
    if (this.#tokens && answer.isRefused) {
      await this.#or_refused(this.#tokens.renew());
      answer = await this.#answer({ query, variables });
    }
    if (answer.isRefused) this.#onRefused();
    if (answer.error) throw troubleOf(answer.error);
    return answer.data;
  }

  async #answer(body) {
    const response = await this.#post(body);
    const { data, errors: [error] = [] } = await json(response);
    const isRefused = response.status === UNAUTHORIZED || error?.extensions?.code === 'UNAUTHENTICATED';
    return { data, error, isRefused };
  }

  async #or_refused(asked) {
    try {
      return await asked;
    } catch (trouble) {
      if (trouble.code === 'BAD_REFRESH_TOKEN') this.#onRefused();
      throw trouble;
    }
  }

  async #headers() {
    const plain = { 'content-type': 'application/json', accept: JSON_TYPES };
    if (!this.#tokens) return plain;
    return { ...plain, authorization: `Bearer ${await this.#or_refused(this.#tokens.current())}` };
  }

  /** The payload of a mutation's only field; throws a Trouble when it was refused. */
  async change(mutation, input) {
    const [payload] = Object.values(await this.ask(mutation, { input }));
    if (payload.refusal) throw new Trouble(payload.refusal.message, payload.refusal);
    return payload;
  }

  /** The same of a change with a key: one that the key made before counts as made now. */
  async once(mutation, input, made = 'entry') {
    const [payload] = Object.values(await this.ask(mutation, { input }));
    if (!payload[made]) throw new Trouble(payload.refusal.message, payload.refusal);
    return payload;
  }

  async #post(body) {
    const headers = await this.#headers();
    try {
      return await fetch(this.#endpoint, { method: 'POST', headers, body: JSON.stringify(body) });
    } catch {
      throw new Trouble(AWAY);
    }
  }
}

const troubleOf = ({ message, extensions }) => new Trouble(message, { code: extensions?.code, field: extensions?.field });

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Trouble(`${AWAY} It answered ${response.status}.`);
  }
}
