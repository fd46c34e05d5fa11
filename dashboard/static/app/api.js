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
  #headers;
  #onRefused;

  /** `onRefused` is called when the server no longer takes the token. */
  constructor(endpoint, { token = null, onRefused = () => {} } = {}) {
    this.#endpoint = endpoint;
    this.#headers = { 'content-type': 'application/json', accept: JSON_TYPES };
    if (token) this.#headers.authorization = `Bearer ${token}`;
    this.#onRefused = onRefused;
  }

  /** The data of a query or mutation; throws a Trouble when there are errors or no answer. */
  async ask(query, variables = {}) {
    const response = await this.#post({ query, variables });
    const answer = await json(response);
    const [error] = answer.errors ?? [];
    const code = error?.extensions?.code;
    if (response.status === UNAUTHORIZED || code === 'UNAUTHENTICATED') this.#onRefused();
    if (error) throw new Trouble(error.message, { code, field: error.extensions?.field });
    return answer.data;
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
    try {
      return await fetch(this.#endpoint, { method: 'POST', headers: this.#headers, body: JSON.stringify(body) });
    } catch {
      throw new Trouble(AWAY);
    }
  }
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Trouble(`${AWAY} It answered ${response.status}.`);
  }
}
