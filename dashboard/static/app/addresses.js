// Turns a panel's code into the address of its view, and addresses back into what they name.

const PANEL = /^#\/panel\/(.+)$/;
const PLACE = /^#\/(you|properties|property|renting|tenancy|people)(?:\/([A-Za-z0-9-]+))?$/;

export const panelAddress = (code) => `#/panel/${encodeURIComponent(code)}`;

/** The code that an address' hash names; empty for the board, and for what is no address of ours. */
export function codeIn(hash) {
  try {
    return decodeURIComponent(PANEL.exec(hash)?.[1] ?? '');
  } catch {
    return '';
  }
}

/** `{place, id}` of the pages besides the panels; both null for the panels, and for what is no address of ours. */
export function placeIn(hash) {
  const [, place = null, id = null] = PLACE.exec(hash) ?? [];
  return { place, id };
}
