// Turns the environment of the test's process into the server's addresses, its people and a network that can be cut.
import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { liveClient } from './live.js';
import { Session } from './session.js';

const { GRAPHQL_URL: url, SOCKET_URL: socketUrl, ADMIN, TENANT, PASSWORD: password } = process.env;
const WITHIN_MS = 20_000;

export { url };

export const LIVE = `subscription Live($codes: [String!], $after: Cursor) {
  panelReadings(codes: $codes, after: $after) {
    __typename
    ... on ReadingSnapshot { cursor isComplete panels { code latestReading { energyImportKwh } } }
    ... on ReadingReceived { cursor panelCode reading { energyImportKwh } }
    ... on Heartbeat { cursor }
    ... on Gap { cursor reason }
  }
}`;

export const METERED = { codes: ['FLOOR_1'] };

export const admin = () => new Session({ url, email: ADMIN, password });
export const tenant = () => new Session({ url, email: TENANT, password });

/** The address of a port that leads to the server until the test ends; `cut` drops its lines as a lost network does. */
export async function cuttable(test, address) {
  const { protocol, hostname, port, pathname } = new URL(address);
  const lines = new Set();
  const between = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    for (const line of [near, far]) {
      lines.add(line);
      line.on('error', () => {});
      line.on('close', () => [near, far].forEach((end) => end.destroy()));
    }
    near.pipe(far).pipe(near);
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const cut = () => {
    for (const line of lines) line.resetAndDestroy();
    lines.clear();
  };
  test.after(() => {
    between.close();
    cut();
  });
  return { url: `${protocol}//127.0.0.1:${between.address().port}${pathname}`, cut };
}

/** A live client, until the test ends, and how to cut its socket. */
export async function cuttableClient(test, { session, on }) {
  const line = await cuttable(test, socketUrl);
  const live = liveClient({ url: line.url, session, pause_ms: 50, on });
  test.after(() => live.dispose());
  return { live, cut: line.cut };
}

/** What a stream told, and promises of what it will tell. */
export class Told {
  events = [];
  #waiting = new Set();

  next = ({ data, errors }) => {
    assert.equal(errors, undefined);
    this.events.push(data.panelReadings);
    for (const look of this.#waiting) look();
  };

  /** The registers of the readings so far, once there are so many. */
  async registers({ atLeast }) {
    const so_far = () => this.events.filter((event) => event.__typename === 'ReadingReceived');
    await this.until(() => so_far().length >= atLeast, `${atLeast} readings`);
    return so_far().map((event) => event.reading.energyImportKwh);
  }

  until(holds, what) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`waited for ${what}: ${JSON.stringify(this.events)}`)), WITHIN_MS);
      const look = () => {
        if (!holds()) return;
        clearTimeout(late);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** The meter counts one up with each reading: any that is missing or told twice shows. */
export function assertNothingMissedOrRepeated(registers) {
  const expected = registers.map((_, number) => registers[0] + number);
  assert.deepEqual(registers, expected);
}

/** Asks until the answer is right, for what the server does in its own time. */
export async function eventually(asked, isRight) {
  const late = AbortSignal.timeout(WITHIN_MS);
  for (;;) {
    const answer = await asked();
    if (isRight(answer)) return answer;
    await pause(20, undefined, { signal: late });
  }
}

/** Ends the session on the server; what it has opened ends with it. */
export async function logOut(session) {
  const body = JSON.stringify({ query: 'mutation { logOut { ended } }' });
  await session.fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

/** How many streams the person has open, as the server counts them. */
export async function openStreams(session) {
  const body = JSON.stringify({ query: '{ viewer { subscriptions { id } } }' });
  const answer = await session.fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return (await answer.json()).data.viewer.subscriptions.length;
}
