"""Keeps the keys that the benchmarks' servers and their clients have in common: a file among what is temporary."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from kilowatch.web.signing_keys import KeyRing, key_ring

LINK_KEY = b"k" * 32


def ring() -> KeyRing:
    """The keys; made by whoever comes first."""
    path = Path(tempfile.gettempdir()) / f"kilowatch-bench-{os.getuid()}" / "signing-keys.json"
    return key_ring(path, now=datetime.now(UTC))
