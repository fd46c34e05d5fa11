"""Turns MQTT messages into rows as `kilowatch ingest` does: `python -m bench.subscriber DATABASE_URL MQTT_URL ZONE`."""

import sys

import uvloop

from ingest.service import run

if __name__ == "__main__":
    database_url, mqtt_url, zone = sys.argv[1:]
    uvloop.run(run(database_url=database_url, mqtt_url=mqtt_url, default_time_zone=zone))
