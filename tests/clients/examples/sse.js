// Turns a session into subscriptions by server-sent events, for networks that let no websocket through.
import { createClient } from 'graphql-sse';

import { growing, resuming } from './live.js';

export function eventClient({ url, session, pause_ms = 1000 }) {
  const client = createClient({
    url,
    headers: async () => ({ authorization: `Bearer ${await session.token()}` }),
    retryAttempts: Infinity,
    retry: growing(pause_ms),
  });
  return { ...client, subscribe: resuming({ subscribe: renewing(client, session) }) };
}

/** Signs in and subscribes again when the server ends a stream because the session is over. */
function renewing(client, session) {
  return (payload, sink) => {
    let leave;
    const begin = () => {
      let hasExpired = false;
      const next = (result) => {
        hasExpired = result.errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED') ?? false;
        if (!hasExpired) sink.next(result);
      };
      const error = (trouble) => sink.error(trouble);
      const complete = () => {
        if (!hasExpired) return sink.complete();
        session.forget();
        begin();
      };
      leave = client.subscribe(payload, { next, error, complete });
    };
    begin();
    return () => leave();
  };
}
