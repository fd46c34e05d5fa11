// urql against the server: queries by GET, pages, refusals, errors and a live stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gql } from '@urql/core';

import { LIVE, METERED, Told, admin, assertNothingMissedOrRepeated, cuttableClient, eventually, openStreams, tenant, url } from './house.js';
import { urqlClient } from './urql.js';

async function signedIn(t, session) {
  const methods = [];
  const fetched = session.fetch;
  session.fetch = (address, request) => {
    methods.push(request.method);
    return fetched(address, request);
  };
  const { live, cut } = await cuttableClient(t, { session });
  return { client: urqlClient({ url, session, live }), methods, cut };
}

test('queries go by GET and are cached, mutations by POST', async (t) => {
  const { client, methods } = await signedIn(t, tenant());
  const query = gql`{ viewer { email role } }`;
  for (const _ of ['asked', 'cached']) {
    const { data, error } = await client.query(query, {});
    assert.deepEqual([error, data?.viewer.role], [undefined, 'TENANT']);
  }
  const topUp = gql`
    mutation TopUp($input: TopUpInput!) { topUp(input: $input) { entry { unitsKwh } refusal { code field } } }
  `;
  const input = { panelCode: 'FLOOR_1', unitsKwh: '5', token: '1'.repeat(20), idempotencyKey: crypto.randomUUID() };
  const { data, error } = await client.mutation(topUp, { input });
  assert.equal(error, undefined);
  assert.equal(data.topUp.refusal.code, 'PANEL_NOT_FOUND', "another's panel and no panel look alike");
  assert.deepEqual(methods, ['GET', 'POST']);
});

test('a list comes page by page', async (t) => {
  const { client } = await signedIn(t, admin());
  const floors = gql`
    query Floors($after: Cursor) {
      panels(first: 4, after: $after) { nodes { code } pageInfo { hasNextPage endCursor } }
    }
  `;
  const codes = [];
  for (let page = { hasNextPage: true }; page.hasNextPage; ) {
    const { data } = await client.query(floors, { after: page.endCursor });
    codes.push(...data.panels.nodes.map(({ code }) => code));
    page = data.panels.pageInfo;
  }
  assert.deepEqual(codes, ['FLAT_1', 'FLOOR_1', 'FLOOR_2', 'FLOOR_3', 'FLOOR_4', 'FLOOR_5']);
});

test('an error has its code in the extensions', async (t) => {
  const { client } = await signedIn(t, admin());
  const { error } = await client.query(gql`{ monthlySummary(year: 2026, month: 13) { total { energyKwh } } }`, {});
  assert.deepEqual(error.graphQLErrors.map(({ extensions }) => extensions.code), ['BAD_MONTH']);
});

test('a live stream goes on after a cut', async (t) => {
  const session = admin();
  const { client, cut } = await signedIn(t, session);
  const told = new Told();
  const stream = client.subscription(LIVE, METERED).subscribe(({ data, error }) => told.next({ data, errors: error }));
  await told.registers({ atLeast: 3 });
  cut();
  assertNothingMissedOrRepeated(await told.registers({ atLeast: 8 }));
  stream.unsubscribe();
  await eventually(() => openStreams(session), (open) => open === 0);
});
