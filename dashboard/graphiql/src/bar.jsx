// Turns the session, or the lack of one, into the bar on top of the page.
import { useState } from 'react';
import mark from './mark.svg';
import { endOf, logOut, signIn } from './session.js';

export function Bar({ endpoint, session, notice, signedIn, signedOut }) {
  return (
    <header className="bar">
      <div className="brand">
        <img src={mark} alt="" width="28" height="28" />
        <strong>Kilowatch</strong>
        <code>{endpoint.pathname}</code>
      </div>
      {session ? (
        <SignedIn session={session} signedOut={() => (logOut(endpoint), signedOut())} />
      ) : (
        <SignInForm endpoint={endpoint} notice={notice} signedIn={signedIn} />
      )}
    </header>
  );
}

function SignedIn({ session, signedOut }) {
  return (
    <div className="sign-in">
      <p role="status" className="status signed-in">
        {session.email} <span>signed in until {clock(endOf(session))}</span>
      </p>
      <button type="button" className="quiet" onClick={() => signedOut()}>
        Sign out
      </button>
    </div>
  );
}

function SignInForm({ endpoint, notice, signedIn }) {
  const [refusal, setRefusal] = useState(null);
  const [waiting, setWaiting] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const typed = Object.fromEntries(new FormData(event.currentTarget));
    setWaiting(true);
    const outcome = await signIn(endpoint, typed);
    setWaiting(false);
    if (outcome.session) signedIn(outcome.session);
    else setRefusal(outcome.refusal);
  };
  const trouble = refusal?.message ?? notice;
  return (
    <form className="sign-in" aria-label="Sign in" onSubmit={submit}>
      <p role="status" className={trouble ? 'status trouble' : 'status'}>
        {trouble || 'Not signed in'}
      </p>
      <Field name="email" type="email" label="E-mail" autoComplete="username" refusal={refusal} />
      <Field name="password" type="password" label="Password" autoComplete="current-password" refusal={refusal} />
      <button type="submit" disabled={waiting}>
        {waiting ? 'Signing in…' : 'Sign in'}
      </button>
    </form>
  );
}

function Field({ name, label, refusal, ...input }) {
  return (
    <input
      {...input}
      name={name}
      placeholder={label}
      aria-label={label}
      aria-invalid={refusal?.field === name}
      required
      spellCheck={false}
      size={18}
    />
  );
}

function clock(instant) {
  const at = new Date(instant);
  const isToday = at.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { day: 'numeric', month: 'short' };
  return at.toLocaleString(undefined, { ...day, hour: '2-digit', minute: '2-digit' });
}
