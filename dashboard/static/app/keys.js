// Turns nothing into a key under which a change is made once, however often the network makes it be sent.

/** A UUID; crypto.randomUUID is missing where the page was not loaded over https or from this machine. */
export const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
