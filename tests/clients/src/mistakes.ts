// What the compiler must refuse: each line below is a mistake that generated types are there to catch.
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';

import { graphql } from './gql';

const PANEL = graphql(`
  query Mistakes($code: String!) {
    panel(code: $code) { code lastSeenAt status today { energyKwh cost { amount currency } } }
  }
`);

type Panel = NonNullable<ResultOf<typeof PANEL>['panel']>;

export function mistakes(panel: Panel): void {
  // @ts-expect-error: money is exact text, not a number
  const amount: number = panel.today.cost.amount;
  // @ts-expect-error: an instant is text
  const at: Date | null = panel.lastSeenAt;
  // @ts-expect-error: there is no such status
  const status = panel.status === 'BROKEN';
  // @ts-expect-error: it was not asked for
  const name = panel.name;
  // @ts-expect-error: the code is needed
  const variables: VariablesOf<typeof PANEL> = {};
  const energy: number = panel.today.energyKwh;
  void [amount, at, status, name, variables, energy];
}
