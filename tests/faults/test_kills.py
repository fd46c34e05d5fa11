"""What was received and not committed when ingest is killed comes again; without our way of acknowledging it is lost.

The truth is the publisher's count of PUBACKs; the broker survives.
"""

from pathlib import Path

import psycopg
import pytest

from bench.publisher import publish
from tests.faults.ingest_runs import ingesting
from tests.faults.rollup_truth import assert_rollups_are_exact
from tests.faults.streams import LAST, stream
from tests.faults.waiting import STORED, eventually, holds, one


@pytest.mark.parametrize("options", [(), ("ack-on-receipt",)], ids=["ack-after-commit", "control-ack-on-receipt"])
def test_a_batch_that_was_not_committed_when_ingest_was_killed_comes_again(
    database: str, broker: tuple[str, int], tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The control shows that this can fail: acknowledged on receipt, the batch is gone for good."""
    mqtt_url, port = broker
    log = tmp_path / "ingest.log"
    with ingesting(database, mqtt_url, *options, log=log) as ingest, psycopg.connect(database) as locker:
        locker.execute("LOCK TABLE reading")
        publish(port, stream(60))  # fewer than any broker's window: all of it reaches ingest
        holds(database, "SELECT backlog FROM ingest_status", 60)
        ingest.kill()
    with ingesting(database, mqtt_url, log=log):
        publish(port, LAST)
        eventually(lambda: one(database, "SELECT count(*) FROM panel WHERE code = 'LAST'") == 1)
        if options:
            holds(database, STORED, 1)
            assert one(database, "SELECT message_count FROM ingest_status") == 1, "the control lost nothing"
        else:
            holds(database, STORED, 61)
            assert_rollups_are_exact(database)
