// Turns a session into a urql client: queries by GET, subscriptions over the websocket.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';

export function urqlClient({ url, session, live }) {
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: live.subscribe({ query, variables }, sink) }),
  });
  return new Client({
    url,
    fetch: session.fetch,
    preferGetMethod: 'within-url-limit',
    exchanges: [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })],
  });
}
