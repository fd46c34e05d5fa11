// Turns a secret that is shown this once into something to copy or to keep as a file.
import { fill, h, write } from './elements.js';

/** Where a secret comes to stand; it says that it will not be shown again. */
export class ShownOnce {
  constructor() {
    this.element = h('div', { class: 'once', role: 'status', hidden: true });
  }

  /** `lines` are the secret; `about` says what it is for. With `file` it can be downloaded under this name. */
  show({ about, lines, file = null }) {
    const text = lines.join('\n');
    const secret = h('code', { class: 'secret', tabindex: 0 }, text);
    const said = h('span', { class: 'faint small', role: 'status' });
    const copy = async () => write(said, (await copied(text, secret)) ? 'Copied.' : 'Marked: copy it by hand.');
    fill(
      this.element,
      h('p', {}, about, ' ', h('b', {}, 'It is shown this once.')),
      secret,
      h(
        'div',
        { class: 'row' },
        h('button', { type: 'button', class: 'quiet', click: copy }, 'Copy'),
        file && h('button', { type: 'button', class: 'quiet', click: () => download(file, text) }, 'Download'),
        h('button', { type: 'button', class: 'quiet', click: () => this.forget() }, 'Done'),
        said,
      ),
    );
    this.element.hidden = false;
    this.element.scrollIntoView({ block: 'nearest' });
  }

  forget() {
    this.element.hidden = true;
    fill(this.element);
  }
}

/** The clipboard is missing where the page was not loaded over https or from this machine: then the text is marked. */
async function copied(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/plain' }));
  h('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
