// Turns a session into an Apollo Client: a cache by id, pages that append, short requests, retries, subscriptions.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';

export function apolloClient({ url, session, live }) {
  const overHttp = ApolloLink.from([
    new RetryLink(),
    new PersistedQueryLink({ sha256 }),
    new HttpLink({ uri: url, fetch: session.fetch }),
  ]);
  const isLive = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
  return new ApolloClient({
    link: ApolloLink.split(isLive, new GraphQLWsLink(live), overHttp),
    cache: new InMemoryCache({
      typePolicies: {
        Query: { fields: { panels: relayStylePagination(['filter', 'orderBy']) } },
      },
    }),
  });
}

async function sha256(text) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
