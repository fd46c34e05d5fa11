// Turns the server's QR code, an SVG in a data: address, into a drawing of our own: no address of an image is loaded.
import { s } from './elements.js';

/** The drawing, dark on white in every scheme; a picture that cannot be read leaves it empty. */
export function qrCode(address, label) {
  const drawn = new DOMParser().parseFromString(textOf(address), 'image/svg+xml').documentElement;
  const [width, height] = [drawn.getAttribute('width'), drawn.getAttribute('height')].map(Number.parseFloat);
  const viewBox = drawn.getAttribute('viewBox') ?? `0 0 ${width || 1} ${height || 1}`;
  const shapes = [...drawn.querySelectorAll('path')].map(copied);
  return s('svg', { class: 'qr', role: 'img', 'aria-label': label, viewBox }, shapes);
}

const KEPT = ['d', 'transform', 'fill', 'stroke', 'stroke-width'];

const copied = (path) => s('path', Object.fromEntries(KEPT.map((name) => [name, path.getAttribute(name)])));

function textOf(address) {
  const [kind, ...rest] = address.split(',');
  const body = rest.join(',');
  return kind.endsWith(';base64') ? atob(body) : decodeURIComponent(body);
}
