// Apollo Client against the server: sign-in, cache, pages, refusals, errors, retries and a live stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CombinedGraphQLErrors, gql } from '@apollo/client';

import { apolloClient } from './apollo.js';
import { LIVE, METERED, Told, admin, assertNothingMissedOrRepeated, cuttableClient, eventually, openStreams, tenant, url } from './house.js';

const FLOORS = gql`
  query Floors($first: Int!, $after: Cursor) {
    panels(first: $first, after: $after) {
      totalCount
      edges { cursor node { id code name } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

async function signedIn(t, session) {
  const { live, cut } = await cuttableClient(t, { session });
  return { client: apolloClient({ url, session, live }), cut };
}

test('a wrong password is a refusal in the data, not an error', async (t) => {
  const { client } = await signedIn(t, tenant());
  const mutation = gql`
    mutation LogIn($input: LogInInput!) {
      logIn(input: $input) { session { accessToken } refusal { code message field } }
    }
  `;
  const input = { email: 'nobody@example.org', password: 'wrong' };
  const { data } = await client.mutate({ mutation, variables: { input } });
  assert.equal(data.logIn.session, null);
  assert.equal(data.logIn.refusal.code, 'BAD_CREDENTIALS');
});

test('pages append to one list, and each panel is kept once', async (t) => {
  const { client } = await signedIn(t, admin());
  const floors = client.watchQuery({ query: FLOORS, variables: { first: 2 } });
  const watching = floors.subscribe({});
  t.after(() => watching.unsubscribe());
  const shown = () => floors.getCurrentResult().data?.panels;
  let { pageInfo } = await eventually(shown, Boolean);
  while (pageInfo.hasNextPage) {
    const { data } = await floors.fetchMore({ variables: { after: pageInfo.endCursor } });
    ({ pageInfo } = data.panels);
  }
  const list = await eventually(shown, ({ edges }) => edges.length > 4);
  const codes = list.edges.map(({ node }) => node.code);
  assert.deepEqual(codes, ['FLAT_1', 'FLOOR_1', 'FLOOR_2', 'FLOOR_3', 'FLOOR_4', 'FLOOR_5']);
  assert.equal(list.totalCount, codes.length);
  await client.query({ query: gql`{ panel(code: "FLOOR_1") { id floor } }` });
  const kept = Object.entries(client.cache.extract()).filter(([key]) => key.startsWith('Panel:'));
  assert.equal(kept.length, codes.length);
  assert.equal(kept.find(([, panel]) => panel.code === 'FLOOR_1')[1].floor, 1);
});

test('a refused top-up is data, and says which field is at fault', async (t) => {
  const { client } = await signedIn(t, tenant());
  const mutation = gql`
    mutation TopUp($input: TopUpInput!) {
      topUp(input: $input) { entry { unitsKwh } refusal { code message field } }
    }
  `;
  const input = { panelCode: 'FLAT_1', amount: { amount: '-5', currency: 'NGN' }, idempotencyKey: crypto.randomUUID() };
  const { data, error } = await client.mutate({ mutation, variables: { input } });
  assert.equal(error, undefined);
  assert.deepEqual([data.topUp.entry, data.topUp.refusal.code], [null, 'BAD_AMOUNT']);
});

test('an error has its code in the extensions', async (t) => {
  const { client } = await signedIn(t, admin());
  const query = gql`{ panel(code: "FLOOR_1") { code readings(maxPoints: 1) { count } } }`;
  const error = await client.query({ query }).catch((thrown) => thrown);
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  assert.deepEqual(error.errors.map(({ extensions }) => extensions.code), ['BAD_MAX_POINTS']);
});

test('a request that got lost is sent again', async (t) => {
  const session = admin();
  const fetched = session.fetch;
  let sent = 0;
  session.fetch = async (...request) => {
    if (sent++ === 0) throw new TypeError('fetch failed');
    return fetched(...request);
  };
  const { client } = await signedIn(t, session);
  const { data } = await client.query({ query: gql`{ viewer { role } }` });
  assert.equal(data.viewer.role, 'ADMIN');
  assert.ok(sent >= 2);
});

test('a document that the server knows is sent by its hash alone', async (t) => {
  const session = admin();
  const fetched = session.fetch;
  const sent = [];
  session.fetch = (address, request) => {
    sent.push(JSON.parse(request.body));
    return fetched(address, request);
  };
  const { client } = await signedIn(t, session);
  const query = gql`query Known { viewer { name } }`;
  for (const _ of ['first', 'again']) {
    const { data } = await client.query({ query, fetchPolicy: 'network-only' });
    assert.equal(data.viewer.name, 'Admin');
  }
  assert.deepEqual(sent.map((body) => 'query' in body), [false, true, false]);
  assert.match(sent[2].extensions.persistedQuery.sha256Hash, /^[0-9a-f]{64}$/);
});

test('a live stream goes on after a cut', async (t) => {
  const session = admin();
  const { client, cut } = await signedIn(t, session);
  const told = new Told();
  const stream = client.subscribe({ query: gql(LIVE), variables: METERED }).subscribe({ next: told.next });
  await told.registers({ atLeast: 3 });
  cut();
  assertNothingMissedOrRepeated(await told.registers({ atLeast: 8 }));
  stream.unsubscribe();
  await eventually(() => openStreams(session), (open) => open === 0);
});

test('a panel that comes with an event is the panel that a query shows', async (t) => {
  const { client } = await signedIn(t, admin());
  const latest = gql`query Latest { panel(code: "FLOOR_1") { id latestReading { at energyImportKwh } } }`;
  const shown = [];
  const query = client.watchQuery({ query: latest }).subscribe(({ data }) => {
    if (data?.panel) shown.push(data.panel.latestReading.energyImportKwh);
  });
  await eventually(() => shown.length, (count) => count > 0);
  const live = gql`
    subscription Renewed {
      panelReadings(codes: ["FLOOR_1"]) {
        __typename
        ... on ReadingReceived { cursor panel { id latestReading { at energyImportKwh } } }
      }
    }
  `;
  const stream = client.subscribe({ query: live }).subscribe({});
  await eventually(() => shown.at(-1), (kwh) => kwh > shown[0]);
  stream.unsubscribe();
  query.unsubscribe();
});
