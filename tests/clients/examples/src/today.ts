// Turns a panel's code into what its day has cost so far, checked by the compiler.
import type { ApolloClient } from '@apollo/client';

import { graphql } from './gql';

const TODAY = graphql(`
  query Today($code: String!) {
    panel(code: $code) { code today { energyKwh cost { amount currency } } }
  }
`);

export async function costOfToday(client: ApolloClient, code: string): Promise<string> {
  const { data } = await client.query({ query: TODAY, variables: { code } });
  const cost = data?.panel?.today.cost;
  return cost ? `${cost.amount} ${cost.currency}` : 'there is no such panel';
}
