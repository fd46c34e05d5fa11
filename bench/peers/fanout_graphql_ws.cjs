// A peer of bench/fanout.py: graphql-ws and ws on Node as their documents have it, in memory.
// Arguments: port, panels, messages a second for each panel. It begins to publish on SIGUSR2.
const http = require("node:http");
const { EventEmitter } = require("node:events");
const { buildSchema } = require("graphql");
const { WebSocketServer } = require("ws");
const { useServer } = require("graphql-ws/use/ws");

const [port, panels, rate] = process.argv.slice(2).map(Number);
const schema = buildSchema(`
  type Reading { at: String! activePowerKw: Float! energyImportKwh: Float! }
  type ReadingReceived { panelCode: String! reading: Reading! }
  type Query { hello: String }
  type Subscription { panelReadings(code: String!): ReadingReceived! }
`);

const events = new EventEmitter().setMaxListeners(0);

async function* panelReadings({ code }) {
  const waiting = [];
  let wake = () => {};
  const put = (message) => { waiting.push(message); wake(); };
  events.on(code, put);
  try {
    for (;;) {
      while (waiting.length) yield { panelReadings: waiting.shift() };
      await new Promise((resolve) => { wake = resolve; });
    }
  } finally {
    events.off(code, put);
  }
}

const server = http.createServer();
useServer({ schema, roots: { subscription: { panelReadings } } },
  new WebSocketServer({ server, path: "/graphql", perMessageDeflate: false }));
server.listen(port, "127.0.0.1");

process.on("SIGUSR2", () => {
  const began = performance.now();
  let sent = 0;
  const publish = () => {
    while (began + (sent * 1000) / (rate * panels) <= performance.now()) {
      const panelCode = `P${(sent % panels) + 1}`;
      const reading = { at: new Date().toISOString(), activePowerKw: Date.now() / 1000, energyImportKwh: sent / 100 };
      events.emit(panelCode, { panelCode, reading });
      sent += 1;
    }
    setTimeout(publish, Math.max(began + (sent * 1000) / (rate * panels) - performance.now(), 0));
  };
  publish();
});
