// Turns the server's answers and live events into the panels as they are now, and tells who watches them.
import { LAST_HOUR, LIVE_READINGS, LIVE_STATUS, NOW, PANELS } from './operations.js';
import { figuresOf, panelOf, parsed, readingOf } from './panel.js';
import { add, seriesOf } from './series.js';
import { isBadCursor } from './socket.js';

const PAGE = 60;
const MOST_AT_ONCE = 500;
export const HOUR_MS = 3_600_000;
const SLOT_MS = 20_000;
const SOON_MS = [0, 2000, 6000];

/**
 * The panels that the viewer may see, by code, first page first. Events: 'panels' (which there are), 'panel' (its
 * `detail` names one that changed, and its reading), 'credit' (its `detail` the code of the panel whose credit was
 * changed here), 'current' (whether the server itself is up to date) and 'trouble' (its `detail` an error of reading
 * them again).
 */
export class Site extends EventTarget {
  panels = new Map();
  totalCount = 0;
  role = null;
  #api;
  #endCursor = null;
  #hasMore = false;
  #cursor = null;
  #statusCursor = null;
  #refreshing = null;
  #isStale = false;
  #isOther = false;
  #told = [];

  constructor(api) {
    super();
    this.#api = api;
  }

  /** Reads the next page of panels; throws a Trouble. */
  async more(before = this.panels) {
    const { viewer, panels } = await this.#api.ask(PANELS, { first: PAGE, after: this.#endCursor });
    this.role = viewer?.role ?? null;
    this.totalCount = panels.totalCount;
    this.#hasMore = panels.pageInfo.hasNextPage;
    this.#endCursor = panels.pageInfo.endCursor ?? this.#endCursor;
    // Who holds a panel goes on seeing it change, whoever reads which panels there are.
    for (const node of panels.nodes) {
      const known = this.panels.get(node.code) ?? before.get(node.code);
      this.panels.set(node.code, Object.assign(known ?? {}, newest(panelOf(node), known)));
    }
    this.dispatchEvent(new Event('panels'));
  }

  get hidden() {
    return Math.max(this.totalCount - this.panels.size, 0);
  }

  /** Reads today, the balances and the forecasts again; an unknown panel makes it read which there are. */
  refresh() {
    this.#isStale = true;
    this.#refreshing ??= this.#refreshWhileStale().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Refreshes now and twice more: a forecast follows what was bought after a moment. */
  refreshSoon(code) {
    const refresh = () => {
      this.refresh();
      this.dispatchEvent(new CustomEvent('credit', { detail: code }));
    };
    for (const delay_ms of SOON_MS) setTimeout(refresh, delay_ms);
  }

  /** One at a time, and once more for who asked while the answer was on its way: it may not know the news yet. */
  async #refreshWhileStale() {
    while (this.#isStale) {
      this.#isStale = false;
      await this.#refresh();
    }
  }

  async #refresh() {
    try {
      if (this.#isOther) return await this.#again();
      const { panels } = await this.#api.ask(NOW, { first: Math.min(Math.max(this.panels.size, 1), MOST_AT_ONCE) });
      const isNew = panels.totalCount !== this.totalCount || panels.nodes.some(({ code }) => !this.panels.has(code));
      if (isNew) return await this.#again();
      for (const node of panels.nodes) this.#change(node.code, figuresOf(node));
    } catch (trouble) {
      this.dispatchEvent(new CustomEvent('trouble', { detail: trouble }));
    }
  }

  /** Subscribes to readings and status of the panels that were read so far; answers a function that ends both. */
  follow(socket) {
    let codes = this.#codes();
    let end = this.#subscribe(socket);
    const renew = () => {
      if (String(codes) === String(this.#codes())) return;
      codes = this.#codes();
      end();
      end = this.#subscribe(socket);
    };
    this.addEventListener('panels', renew);
    return () => (this.removeEventListener('panels', renew), end());
  }

  /** The panels to hear of; null, which is all that may be seen, once all have been read: new ones are heard of too. */
  #codes() {
    return this.#hasMore ? [...this.panels.keys()] : null;
  }

  #subscribe(socket) {
    const ends = [
      socket.subscribe({
        query: LIVE_READINGS,
        variables: () => ({ codes: this.#codes(), after: this.#cursor }),
        next: ({ panelReadings }) => this.#heard(panelReadings),
        failed: (errors) => isBadCursor(errors) && (this.#cursor = null),
      }),
      socket.subscribe({
        query: LIVE_STATUS,
        variables: () => ({ codes: this.#codes(), after: this.#statusCursor }),
        next: ({ panelStatus }) => this.#heardStatus(panelStatus),
        failed: (errors) => isBadCursor(errors) && (this.#statusCursor = null),
      }),
    ];
    return () => ends.forEach((end) => end());
  }

  #heard(event) {
    const kinds = {
      ReadingSnapshot: () => event.panels.forEach(({ code, latestReading }) => this.#read(code, latestReading)),
      ReadingReceived: () => this.#read(event.panelCode, event.reading),
      Heartbeat: () => this.dispatchEvent(new CustomEvent('current', { detail: event.isCurrent })),
      Gap: () => this.#readHours(),
    };
    kinds[event.__typename]?.();
    this.#cursor = event.cursor;
  }

  /** A snapshot has several states, a change one, a heartbeat none. */
  #heardStatus({ cursor, states, state, isWhole, isComplete }) {
    for (const { panelCode, status, lastSeenAt } of states ?? (state ? [state] : []))
      this.#change(panelCode, { status, lastSeen_ms: parsed(lastSeenAt) });
    if (states && isWhole) this.#compare(states, isComplete);
    this.#statusCursor = cursor;
  }

  /** A whole snapshot says which panels there are, in several parts when they are many: others came or went. */
  #compare(states, isComplete) {
    this.#told = this.#told.concat(states.map(({ panelCode }) => panelCode));
    if (!isComplete) return;
    const isSame = this.#told.length === this.panels.size && this.#told.every((code) => this.panels.has(code));
    this.#told = [];
    if (!isSame && !this.#hasMore) this.reread();
  }

  /** A reading, live or replayed; one of a panel that is not known yet makes the panels be read again. */
  #read(code, reading) {
    const panel = this.panels.get(code);
    if (!panel) return void this.reread(); // an answer that is on its way may know the panel, and not this reading
    if (!reading) return;
    const fresh = readingOf(reading);
    if (fresh.register_kwh != null && panel.today.registerNowKwh == null) this.refresh(); // the first of its day
    if (fresh.kw != null || fresh.at_ms > (panel.hour.at_ms.at(-1) ?? 0))
      add(panel.hour, fresh, { span_ms: HOUR_MS, slot_ms: SLOT_MS });
    if (fresh.at_ms >= (panel.reading?.at_ms ?? 0)) panel.reading = fresh;
    this.#tell(code, fresh);
  }

  /** Readings were missed that cannot be replayed: what is drawn of the last hour is read anew. */
  async #readHours() {
    for (const code of this.panels.keys()) {
      const { panel } = await this.#api.ask(LAST_HOUR, { code }).catch(() => ({}));
      if (panel) this.#change(code, { hour: seriesOf(panel.hour) });
    }
  }

  /** Reads which panels there are, and the role: something was given or taken away. */
  reread() {
    this.#isOther = true;
    return this.refresh();
  }

  async #again() {
    this.#isOther = false;
    const before = this.panels;
    this.panels = new Map();
    this.#endCursor = null;
    await this.more(before);
  }

  #change(code, values) {
    const panel = this.panels.get(code);
    if (panel) this.#tell(code, null, Object.assign(panel, values));
  }

  #tell(code, reading) {
    this.dispatchEvent(new CustomEvent('panel', { detail: { code, reading } }));
  }
}

/** A panel as it was read; a reading that was heard of while the answer was on its way stays. */
function newest(panel, known) {
  if (!(known?.reading?.at_ms > (panel.reading?.at_ms ?? 0))) return panel;
  const { reading } = known;
  if (reading.kw != null) add(panel.hour, reading, { span_ms: HOUR_MS, slot_ms: SLOT_MS });
  return { ...panel, reading };
}
