// Turns the endpoint into the whole page: the sign-in bar above GraphiQL.
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Bar } from './bar.jsx';
import { samplesPlugin } from './samples_plugin.jsx';
import { SAMPLES } from './samples.js';
import { forget, isExpired, keep, kept, whenExpired } from './session.js';
import { open } from './transport.js';

const EXPIRED = 'Your session has expired. Sign in again.';
const REFUSED = 'The server no longer takes your session. Sign in again.';
const PLUGINS = [samplesPlugin, explorerPlugin(), HISTORY_PLUGIN];

export function Page({ endpoint }) {
  const { session, notice, signedIn, signedOut } = useSession();
  const fetcher = useFetcher(endpoint, session, signedOut);
  const query = new URLSearchParams(location.search).get('query') ?? undefined;
  return (
    <>
      <Bar {...{ endpoint, session, notice, signedIn, signedOut }} />
      {fetcher && (
        <GraphiQL
          fetcher={fetcher}
          plugins={PLUGINS}
          initialQuery={query}
          defaultTabs={query ? undefined : SAMPLES.map((sample) => ({ query: sample.query, variables: sample.variables }))}
          defaultEditorToolsVisibility={false}
        >
          <GraphiQL.Logo>{null}</GraphiQL.Logo>
        </GraphiQL>
      )}
    </>
  );
}

function useSession() {
  const [state, setState] = useState(restored);
  const signedIn = useCallback((session) => {
    keep(session);
    setState({ session, notice: '' });
  }, []);
  const signedOut = useCallback((notice = '') => {
    forget();
    setState({ session: null, notice });
  }, []);
  useEffect(() => {
    if (!state.session) return undefined;
    return whenExpired(state.session, () => signedOut(EXPIRED));
  }, [state.session, signedOut]);
  return { ...state, signedIn, signedOut };
}

function restored() {
  const session = kept();
  if (!session || !isExpired(session)) return { session, notice: '' };
  forget();
  return { session: null, notice: EXPIRED };
}

// A new session opens a new socket: a running subscription must not outlive the rights it started with.
function useFetcher(endpoint, session, signedOut) {
  const [transport, setTransport] = useState(null);
  useEffect(() => {
    const opened = open(endpoint, { session, onRefused: () => signedOut(REFUSED) });
    setTransport(opened);
    return opened.close;
  }, [endpoint, session, signedOut]);
  return transport?.fetcher;
}
