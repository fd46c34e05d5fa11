// Turns a session into a Relay environment.
import relay from 'relay-runtime';

const { Environment, Network, Observable, RecordSource, Store } = relay;

export function relayEnvironment({ url, session, live }) {
  const fetched = async ({ name, text }, variables) => {
    const body = JSON.stringify({ operationName: name, query: text, variables });
    const answer = await session.fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return answer.json();
  };
  const subscribed = ({ name, text }, variables) =>
    Observable.create((sink) => live.subscribe({ operationName: name, query: text, variables }, sink));
  return new Environment({
    network: Network.create(fetched, subscribed),
    store: new Store(new RecordSource()),
  });
}
