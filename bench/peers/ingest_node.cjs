// A peer of bench/ingest.py: Node with the npm packages mqtt and pg, one INSERT a message over a pool of ten, not
// awaited. It acknowledges on receipt, as MQTT clients do by default, and keeps neither rollups nor the newest reading.
const mqtt = require("mqtt");
const { Pool } = require("pg");

const [databaseUrl, port, offset] = process.argv.slice(2);
const pool = new Pool({ connectionString: databaseUrl, max: 10, application_name: "kilowatch ingest" });
const insert = `
INSERT INTO reading (panel_id, at, received_at, batch_id, voltage_r_v, voltage_s_v, voltage_t_v, voltage_n_v,
                     current_r_a, current_s_a, current_t_a, current_n_a, active_power_kw, apparent_power_kva,
                     power_factor, energy_import_kwh, voltage_unbalance, current_unbalance)
VALUES ($1, $2, now(), 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT DO NOTHING`;

const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId: "node-insert" });
client.on("connect", () => client.subscribe("DATA/PM/#", { qos: 1 }, () => console.log("subscribed")));
client.on("message", (topic, payload) => {
  const { data } = JSON.parse(payload);
  const at = new Date(data.time.replace(" ", "T") + offset);
  const values = [data.kw, data.kVA, data.pf, data.kWh, data.vunbal, data.iunbal];
  pool
    .query(insert, [Number(topic.slice(topic.lastIndexOf("P") + 1)), at, ...data.v, ...data.i, ...values])
    .catch((error) => console.error(error.message));
});
