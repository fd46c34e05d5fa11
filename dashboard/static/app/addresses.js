// Turns a panel's code into the address of its view, and an address back into the code.

const PANEL = /^#\/panel\/(.+)$/;

export const panelAddress = (code) => `#/panel/${encodeURIComponent(code)}`;

/** The code that an address' hash names; empty for the board, and for what is no address of ours. */
export function codeIn(hash) {
  try {
    return decodeURIComponent(PANEL.exec(hash)?.[1] ?? '');
  } catch {
    return '';
  }
}
