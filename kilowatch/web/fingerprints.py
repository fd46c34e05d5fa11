"""Turns text into what can be compared with other text of its kind, and not be read again."""

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints under the server's key: without it nobody can try out what they may be of."""

    key: bytes = field(repr=False)

    def of(self, text: str) -> str:
        """The text's fingerprint, 32 hexadecimal digits, the same for upper and lower case."""
        return hmac.digest(self.key, b"fingerprint:" + text.strip().lower().encode(), hashlib.sha256).hex()[:32]
