"""Ingest as a process of its own, to be killed: `ingest_process.py DATABASE_URL MQTT_URL [ack-on-receipt]`.

With ack-on-receipt it does what MQTT clients do by default, so that the tests can show what that loses.
"""

import sys

import uvloop

from ingest.batches import Inbox
from ingest.mqtt import Delivery, acknowledge
from ingest.service import run


def acknowledge_on_receipt() -> None:
    take = Inbox.put

    def put(inbox: Inbox, delivery: Delivery) -> None:
        acknowledge([delivery])
        take(inbox, delivery._replace(ticket=None))

    Inbox.put = put  # type: ignore[method-assign]


if __name__ == "__main__":
    if "ack-on-receipt" in sys.argv:
        acknowledge_on_receipt()
    uvloop.run(run(database_url=sys.argv[1], mqtt_url=sys.argv[2], client_id="killed", default_time_zone="UTC"))
