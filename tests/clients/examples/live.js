// Turns a session into subscriptions that survive cuts, restarts and expired tokens.
import { createClient } from 'graphql-ws';

const FORBIDDEN = 4403;

/** A client of graphql-ws: one socket for all subscriptions, opened with the first and closed after the last. */
export function liveClient({ url, session, pause_ms = 1000, longestPause_ms = 30_000, on = {} }) {
  const client = createClient({
    url,
    connectionParams: async () => ({ authorization: `Bearer ${await session.token()}` }),
    retryAttempts: Infinity,
    shouldRetry: () => true, // by itself it retries closed sockets only, not a network that is away
    retryWait: (retries) => {
      const longest_ms = Math.min(pause_ms * 2 ** retries, longestPause_ms);
      return new Promise((resolve) => setTimeout(resolve, longest_ms * (0.5 + Math.random() / 2)));
    },
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

/** Fills the operation's variable `after` when it is sent again, so that nothing is missed and nothing comes twice. */
function resuming(client) {
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
