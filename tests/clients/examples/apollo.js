// Turns a session into an Apollo Client: a cache by id, pages that append, retries and subscriptions.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';

export function apolloClient({ url, session, live }) {
  const overHttp = ApolloLink.from([new RetryLink(), new HttpLink({ uri: url, fetch: session.fetch })]);
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
