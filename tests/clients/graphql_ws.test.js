// graphql-ws, as an app uses it: one lazy socket, cut and closed, and streams that go on where they stopped.
import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { test } from 'node:test';

import { LIVE, METERED, Told, admin, assertNothingMissedOrRepeated, cuttableClient, eventually, logOut, openStreams } from './house.js';

function watched() {
  const seen = new EventEmitter();
  const heard = [];
  const note = (kind) => (event) => {
    heard.push(kind === 'closed' ? `closed ${event.code}` : kind);
    seen.emit(kind, event);
  };
  return { seen, heard, on: { connected: note('connected'), closed: note('closed') } };
}

test('a stream begins with a snapshot, survives cuts without loss or repeat, and ends when it is left', async (t) => {
  const session = admin();
  const { heard, on } = watched();
  const { live, cut } = await cuttableClient(t, { session, on });
  assert.deepEqual(heard, [], 'a lazy client connects with the first subscription');
  const told = new Told();
  const ended = Promise.withResolvers();
  const leave = live.subscribe(
    { query: LIVE, variables: METERED },
    { next: told.next, error: ended.reject, complete: ended.resolve },
  );
  for (const atLeast of [3, 6, 9]) {
    await told.registers({ atLeast });
    cut();
  }
  assertNothingMissedOrRepeated(await told.registers({ atLeast: 12 }));
  assert.equal(told.events[0].__typename, 'ReadingSnapshot');
  const kinds = new Set(told.events.map((event) => event.__typename));
  assert.equal(kinds.has('Gap'), false);
  assert.ok(heard.filter((what) => what === 'connected').length >= 4, heard.join());
  leave();
  await ended.promise;
  await eventually(() => openStreams(session), (open) => open === 0);
});

test('a socket whose session was ended is closed with 4403, and comes back with a new session', async (t) => {
  const { seen, heard, on } = watched();
  const session = admin();
  const { live } = await cuttableClient(t, { session, on });
  const told = new Told();
  live.subscribe({ query: LIVE, variables: METERED }, { next: told.next, error: assert.ifError, complete() {} });
  await told.registers({ atLeast: 1 });
  const first = await session.token();
  const closed = once(seen, 'closed');
  await logOut(session);
  const [event] = await closed;
  assert.equal(event.code, 4403, heard.join());
  const before = (await told.registers({ atLeast: 1 })).length;
  assertNothingMissedOrRepeated(await told.registers({ atLeast: before + 3 }));
  assert.notEqual(await session.token(), first);
});

test('an operation that does not fit the schema is answered with its code, and the others go on', async (t) => {
  const { live } = await cuttableClient(t, { session: admin() });
  const told = new Told();
  live.subscribe({ query: LIVE, variables: METERED }, { next: told.next, error: assert.ifError, complete() {} });
  const refused = Promise.withResolvers();
  live.subscribe({ query: 'subscription { nothing }' }, { next: refused.reject, error: refused.resolve, complete() {} });
  const [{ extensions }] = await refused.promise;
  assert.equal(extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  assertNothingMissedOrRepeated(await told.registers({ atLeast: 3 }));
});

test('queries and mutations go over the socket too', async (t) => {
  const { live } = await cuttableClient(t, { session: admin() });
  const answers = [];
  for await (const answer of live.iterate({ query: '{ viewer { role } }' })) answers.push(answer);
  assert.deepEqual(answers, [{ data: { viewer: { role: 'ADMIN' } } }]);
});
