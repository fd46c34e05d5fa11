// Relay's runtime against the server, with what relay-compiler makes of the printed schema.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import relay from 'relay-runtime';

import again from './__generated__/FloorsAgainQuery.graphql.js';
import floors from './__generated__/FloorsQuery.graphql.js';
import live from './__generated__/FloorsLiveSubscription.graphql.js';
import readings from './__generated__/FloorsReadingsQuery.graphql.js';
import topUp from './__generated__/FloorsTopUpMutation.graphql.js';
import { METERED, Told, admin, assertNothingMissedOrRepeated, cuttableClient, eventually, openStreams, tenant, url } from './house.js';
import { relayEnvironment } from './relay.js';

const { commitMutation, createOperationDescriptor, fetchQuery, requestSubscription } = relay;

async function signedIn(t, session) {
  const { live: socket, cut } = await cuttableClient(t, { session });
  return { environment: relayEnvironment({ url, session, live: socket }), cut };
}

test('pages append to one connection in the store', async (t) => {
  const { environment } = await signedIn(t, admin());
  const shown = createOperationDescriptor(floors, { first: 2 });
  environment.retain(shown);
  const inStore = () => environment.lookup(shown.fragment).data.panels;
  await fetchQuery(environment, floors, { first: 2 }).toPromise();
  while (inStore().pageInfo.hasNextPage) {
    await fetchQuery(environment, floors, { first: 2, after: inStore().pageInfo.endCursor }).toPromise();
  }
  const codes = inStore().edges.map(({ node }) => node.code);
  assert.deepEqual(codes, ['FLAT_1', 'FLOOR_1', 'FLOOR_2', 'FLOOR_3', 'FLOOR_4', 'FLOOR_5']);
  assert.equal(inStore().totalCount, codes.length);
});

test('a panel is fetched again by its id, into the record that the list shows', async (t) => {
  const { environment } = await signedIn(t, admin());
  const { panels } = await fetchQuery(environment, floors, { first: 2 }).toPromise();
  const { id, code } = panels.edges[1].node;
  const { node } = await fetchQuery(environment, again, { id }).toPromise();
  assert.deepEqual(node, { id, code, floor: 1 });
  const record = environment.getStore().getSource().get(id);
  assert.deepEqual([record.name, record.floor], ['Floor 1', 1]);
});

test('a refused mutation is data', async (t) => {
  const { environment } = await signedIn(t, tenant());
  const input = { panelCode: 'FLAT_1', unitsKwh: '5', token: '12', idempotencyKey: crypto.randomUUID() };
  const { topUp: payload } = await new Promise((onCompleted, onError) => {
    commitMutation(environment, { mutation: topUp, variables: { input }, onCompleted, onError });
  });
  assert.deepEqual(payload, { entry: null, refusal: { code: 'BAD_TOKEN' } });
});

test('an error has its code in the extensions', async (t) => {
  const { environment } = await signedIn(t, admin());
  const { panel } = await fetchQuery(environment, readings, { code: 'FLOOR_1', maxPoints: 1 }).toPromise();
  assert.deepEqual([panel.ok, panel.errors.map(({ extensions }) => extensions?.code)], [false, ['BAD_MAX_POINTS']]);
});

test('a live stream goes on after a cut', async (t) => {
  const session = admin();
  const { environment, cut } = await signedIn(t, session);
  const told = new Told();
  const { dispose } = requestSubscription(environment, {
    subscription: live,
    variables: METERED,
    onNext: (data) => told.next({ data }),
    onError: assert.ifError,
  });
  await told.registers({ atLeast: 3 });
  cut();
  assertNothingMissedOrRepeated(await told.registers({ atLeast: 8 }));
  dispose();
  await eventually(() => openStreams(session), (open) => open === 0);
});
