// Turns a session into a GraphiQL fetcher: queries over HTTP, subscriptions over graphql-transport-ws.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';
import { tokensOf } from './session.js';

const UNAUTHORIZED = 401;
const SOCKET_REFUSALS = [4401, 4403];
const PING_EVERY_MS = 15_000;

/** `{fetcher, close}`; `onRefused` is called when the server no longer takes the session. */
export function open(endpoint, { session, onRefused }) {
  const tokens = session && tokensOf(endpoint, session);
  const bearer = tokens && (async () => `Bearer ${await tokens.current()}`);
  const socket = subscriptions(endpoint, { bearer, onRefused });
  const fetcher = createGraphiQLFetcher({
    url: endpoint.href,
    fetch: (url, init) => request(url, init, { bearer, onRefused }),
    wsClient: socket,
    enableIncrementalDelivery: false,
  });
  return { fetcher, close: () => socket.dispose() };
}

function subscriptions(endpoint, { bearer, onRefused }) {
  const url = new URL(endpoint);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const isRefusal = (event) => SOCKET_REFUSALS.includes(event?.code);
  return createClient({
    url: url.href,
    connectionParams: async () => (bearer ? { authorization: await bearer() } : {}),
    keepAlive: PING_EVERY_MS,
    shouldRetry: (event) => event instanceof CloseEvent && !isRefusal(event),
    on: { closed: (event) => bearer && isRefusal(event) && onRefused() },
  });
}

async function request(url, init, { bearer, onRefused }) {
  const headers = new Headers(init.headers);
  if (bearer && !headers.has('authorization')) headers.set('authorization', await bearer()); // the headers editor wins
  const response = await fetch(url, { ...init, headers });
  if (bearer && response.status === UNAUTHORIZED) onRefused();
  if (!/json/.test(response.headers.get('content-type'))) {
    throw new Error(`The server answered ${response.status} ${response.statusText} without JSON.`);
  }
  return response;
}
