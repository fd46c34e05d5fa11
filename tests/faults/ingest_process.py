"""Ingest as a process of its own, to be killed: `ingest_process.py DATABASE_URL MQTT_URL [options]`.

`metrics=PORT` has it serve /metrics, `client=NAME` gives it a session of its own at the broker. With ack-on-receipt it
does what MQTT clients do by default, so that the tests can show what that loses. It notices a broker that fell silent
within seconds, where the product takes 40.
"""

import logging
import sys
from typing import Any

import uvloop

from ingest.batches import Inbox
from ingest.mqtt import Connection, Delivery, acknowledge
from ingest.service import run

_KEEPALIVE_S = 2


def acknowledge_on_receipt() -> None:
    take = Inbox.put

    def put(inbox: Inbox, delivery: Delivery) -> None:
        acknowledge([delivery])
        take(inbox, delivery._replace(ticket=None))

    Inbox.put = put  # type: ignore[method-assign]


def notice_silence_soon() -> None:
    defaults: Any = Connection.__init__.__kwdefaults__
    defaults["keepalive_s"] = _KEEPALIVE_S


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s: %(message)s")
    notice_silence_soon()
    if "ack-on-receipt" in sys.argv:
        acknowledge_on_receipt()
    options = dict(option.partition("=")[::2] for option in sys.argv[3:])
    uvloop.run(
        run(
            database_url=sys.argv[1],
            mqtt_url=sys.argv[2],
            client_id=options.get("client", "killed"),
            default_time_zone="UTC",
            metrics_port=int(options.get("metrics", "0")),
        )
    )
