// Turns one graphql-transport-ws websocket into subscriptions that outlive it: it reconnects and they resume.

const PROTOCOL = 'graphql-transport-ws';
const REFUSALS = [4401, 4403];
const PING_EVERY_MS = 15_000;
const SILENT_AFTER_MS = 35_000; // two pings unanswered: the line is dead, whatever the system says
const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 20_000;
const SETTLED_AFTER_MS = 10_000;

/**
 * `tokens` says by which token it connects (Tokens). `onState` is told 'connecting', 'live' (the server acknowledged) or 'reconnecting'; `onRefused` that the server
 * no longer takes the token, after which nothing is tried again.
 */
export class LiveSocket {
  #url;
  #tokens;
  #onState;
  #onRefused;
  #operations = new Map();
  #nextId = 1;
  #failures = 0;
  #socket = null;
  #timers = {};
  #isAcknowledged = false;
  #isRenewed = false; // and not taken yet
  #listening = new AbortController();

  constructor(endpoint, { tokens, onState, onRefused }) {
    this.#url = new URL(endpoint);
    this.#url.protocol = this.#url.protocol === 'https:' ? 'wss:' : 'ws:';
    this.#tokens = tokens;
    this.#onState = onState;
    this.#onRefused = onRefused;
    const { signal } = this.#listening;
    addEventListener('online', () => this.#hurry(), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#hurry(), { signal });
    onState('connecting');
    this.#connect();
  }

  /**
   * Calls `next` with the data of each event. `variables` is a function, asked at each start, so that a reconnect
   * resumes from what was seen last. Answers a function that ends the subscription.
   */
  subscribe({ query, variables = () => ({}), next, failed = () => {} }) {
    const operation = { query, variables, next, failed, id: null, failures: 0, retry: null };
    this.#operations.set(operation, operation);
    if (this.#isAcknowledged) this.#start(operation);
    return () => {
      clearTimeout(operation.retry);
      this.#operations.delete(operation);
      if (this.#isAcknowledged && operation.id) this.#send({ type: 'complete', id: operation.id });
    };
  }

  /** Ends the connection and every subscription for good. */
  close() {
    this.#listening.abort();
    this.#drop();
    for (const operation of this.#operations.keys()) clearTimeout(operation.retry);
    this.#operations.clear();
  }

  #connect() {
    const socket = new WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#introduce(socket);
    socket.onmessage = ({ data }) => this.#received(JSON.parse(data));
    socket.onclose = ({ code }) => this.#lost(code);
    this.#expectWords();
  }

  async #introduce(socket) {
    try {
      const payload = { authorization: `Bearer ${await this.#tokens.current()}` };
      if (socket === this.#socket) this.#send({ type: 'connection_init', payload });
    } catch (trouble) {
      if (socket === this.#socket) this.#lost(trouble.code === 'BAD_REFRESH_TOKEN' ? REFUSALS[0] : null);
    }
  }

  #received(message) {
    this.#expectWords();
    if (message.type === 'connection_ack') this.#acknowledged();
    else if (message.type === 'ping') this.#send({ type: 'pong' });
    else if (message.id) this.#told(message);
  }

  #acknowledged() {
    this.#isAcknowledged = true;
    this.#isRenewed = false;
    this.#timers.ping = setInterval(() => this.#send({ type: 'ping' }), PING_EVERY_MS);
    this.#timers.settled = setTimeout(() => (this.#failures = 0), SETTLED_AFTER_MS);
    for (const operation of this.#operations.keys()) this.#start(operation);
    this.#onState('live');
  }

  #start(operation) {
    clearTimeout(operation.retry);
    operation.id = String(this.#nextId++);
    const payload = { query: operation.query, variables: operation.variables() };
    this.#send({ type: 'subscribe', id: operation.id, payload });
  }

  #told({ type, id, payload }) {
    const operation = [...this.#operations.keys()].find((candidate) => candidate.id === id);
    if (!operation) return; // ended here while this was on its way
    if (type === 'next' && payload.data) {
      operation.failures = 0;
      operation.next(payload.data);
    } else {
      this.#ended(operation, type === 'next' ? payload.errors : payload);
    }
  }

  /** The server ended an operation, in error or because it had to: it is asked again, less and less often. */
  #ended(operation, errors) {
    operation.id = null;
    if (errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')) return this.#refused();
    if (errors) operation.failed(errors);
    operation.retry = setTimeout(() => this.#isAcknowledged && this.#start(operation), delay_ms(operation.failures++));
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #expectWords() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.#lost(null), SILENT_AFTER_MS);
  }

  #lost(code) {
    this.#drop();
    if (REFUSALS.includes(code)) return this.#renew();
    this.#onState('reconnecting');
    this.#timers.connect = setTimeout(() => this.#connect(), delay_ms(this.#failures++));
  }

  /** The token is taken no more: another one may be, once. */
  async #renew() {
    if (this.#isRenewed) return this.#refused();
    this.#isRenewed = true;
    try {
      await this.#tokens.renew();
    } catch (trouble) {
      if (trouble.code === 'BAD_REFRESH_TOKEN') return this.#refused();
    }
    if (!this.#listening.signal.aborted) this.#hurry();
  }

  #refused() {
    this.close();
    this.#onRefused();
  }

  /** Somebody looks, or the network is back: there is no point in waiting any longer. */
  #hurry() {
    if (this.#socket) return;
    this.#drop();
    this.#connect();
  }

  /** Forgets the present connection; a socket that hangs would tell about its end much too late. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isAcknowledged = false;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

/** Whether the server cannot make sense of a cursor, so that the next try has to begin anew. */
export function isBadCursor(errors) {
  return errors.some(({ extensions }) => extensions?.code === 'BAD_CURSOR');
}

/** Doubling with each failure up to a limit, and half of it by chance, so that clients do not come back in step. */
function delay_ms(failures) {
  const longest_ms = Math.min(FIRST_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS);
  return longest_ms * (0.5 + Math.random() / 2);
}
