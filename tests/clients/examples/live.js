// Turns a session into subscriptions that survive cuts, restarts and the end of the session.
import { createClient } from 'graphql-ws';

const FORBIDDEN = 4403;

/** A client of graphql-ws: one socket for all subscriptions, opened with the first and closed after the last. */
export function liveClient({ url, session, pause_ms = 1000, on = {} }) {
  const client = createClient({
    url,
    connectionParams: async () => ({ authorization: `Bearer ${await session.token()}` }),
    retryAttempts: Infinity,
    shouldRetry: () => true, // by itself it retries closed sockets only, not a network that is away
    retryWait: growing(pause_ms),
    on: {
      ...on,
      closed: (event) => {
        if (event.code === FORBIDDEN) session.forget();
        on.closed?.(event);
      },
    },
  });
  return { ...client, subscribe: resuming(client) };
}

/** Pauses that double up to 30 s, by chance shorter, so that not all clients come back at once. */
export function growing(pause_ms) {
  return (retries) => {
    const longest_ms = Math.min(pause_ms * 2 ** retries, 30_000);
    return new Promise((resolve) => setTimeout(resolve, longest_ms * (0.5 + Math.random() / 2)));
  };
}

/** Fills the operation's variable `after` for when it is sent again: nothing is missed and nothing comes twice. */
export function resuming(client) {
  return (payload, sink) => {
    const variables = { ...payload.variables };
    const next = (result) => {
      for (const event of Object.values(result.data ?? {})) if (event?.cursor) variables.after = event.cursor;
      sink.next(result);
    };
    const error = (trouble) => sink.error(trouble);
    const complete = () => sink.complete();
    return client.subscribe({ ...payload, variables }, { next, error, complete });
  };
}
