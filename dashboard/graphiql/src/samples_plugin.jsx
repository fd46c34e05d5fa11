// Turns the sample operations into a side panel that opens each in a tab of its own.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useState } from 'react';
import { SAMPLES } from './samples.js';

function Samples() {
  const { addTab } = useGraphiQLActions();
  const [chosen, setChosen] = useState(null);
  const editors = useGraphiQL(({ queryEditor, variableEditor }) => ({ queryEditor, variableEditor }));
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id);
  useEffect(() => {
    if (!chosen || chosen.from === tab) return;
    editors.queryEditor?.setValue(chosen.sample.query);
    editors.variableEditor?.setValue(chosen.sample.variables ?? '');
    setChosen(null);
  }, [chosen, tab, editors]);
  const show = (sample) => {
    setChosen({ sample, from: tab });
    addTab();
  };
  return (
    <section className="samples">
      <h2>Samples</h2>
      {SAMPLES.map((sample) => (
        <button type="button" key={sample.title} onClick={() => show(sample)}>
          <strong>{sample.title}</strong>
          <span>{sample.about}</span>
        </button>
      ))}
    </section>
  );
}

const Bolt = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round">
    <path d="M13.5 2.5 4.5 14h6.5l-1 7.5L19.5 10H13z" />
  </svg>
);

export const samplesPlugin = { title: 'Samples', icon: Bolt, content: Samples };
