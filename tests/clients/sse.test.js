// graphql-sse against the server: streams of events that are cut, and whose session ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LIVE, METERED, Told, admin, assertNothingMissedOrRepeated, cuttable, eventually, logOut, openStreams, url } from './house.js';
import { eventClient } from './sse.js';

test('a stream goes on after cuts and after its session was ended, without loss or repeat', async (t) => {
  const line = await cuttable(t, url);
  const session = admin();
  const client = eventClient({ url: line.url, session, pause_ms: 50 });
  t.after(() => client.dispose());
  const told = new Told();
  const ended = Promise.withResolvers();
  const sink = { next: told.next, error: ended.reject, complete: ended.resolve };
  const leave = client.subscribe({ query: LIVE, variables: METERED }, sink);
  for (const atLeast of [3, 6]) {
    await told.registers({ atLeast });
    line.cut();
  }
  await logOut(session);
  const before = (await told.registers({ atLeast: 1 })).length;
  assertNothingMissedOrRepeated(await told.registers({ atLeast: before + 5 }));
  assert.equal(told.events[0].__typename, 'ReadingSnapshot');
  assert.equal(told.events.some((event) => event.__typename === 'Gap'), false);
  leave();
  await ended.promise;
  await eventually(() => openStreams(session), (open) => open === 0);
});

test('what does not fit the schema is refused with its code', async (t) => {
  const client = eventClient({ url, session: admin() });
  t.after(() => client.dispose());
  const refused = await new Promise((next, error) => {
    client.subscribe({ query: 'subscription { nothing }' }, { next, error, complete() {} });
  });
  assert.deepEqual(refused.errors.map(({ extensions }) => extensions.code), ['GRAPHQL_VALIDATION_FAILED']);
});
