"""Turns a file of keys into signed tokens, and tokens back into claims while their key is kept."""

import json
import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ALGORITHM: Final = "ES256"
ISSUER: Final = "kilowatch"
PUBLISHED_AHEAD: Final = timedelta(minutes=10)
"""So long a new key is published before it signs: other processes, and brokers that ask for our keys, know it then."""
LONGEST_TOKEN: Final = timedelta(days=31)
"""No token may last longer: so long a key is kept after it has signed for the last time."""
_SLACK: Final = timedelta(hours=2)
"""A process that has not heard of the next key yet goes on signing with the last one for an hour at the most."""


class SigningKeysError(Exception):
    """The file of signing keys cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed token, and until when it counts (UTC)."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An EC key on P-256, by its name in tokens (`kid`)."""

    kid: str
    created_at: datetime
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> dict[str, str]:
        """The public half as RFC 7517 has it."""
        parts = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**parts, "kid": self.kid, "alg": ALGORITHM, "use": "sig"}

    @property
    def written(self) -> dict[str, str]:
        """The whole key as it stands in the file."""
        parts = ECAlgorithm.to_jwk(self.private, as_dict=True)
        return {**parts, "kid": self.kid, "createdAt": self.created_at.isoformat()}


def new_key(*, now: datetime) -> SigningKey:
    """A key with a random name."""
    created_at = now.astimezone(UTC).replace(microsecond=0)
    return SigningKey(secrets.token_hex(8), created_at, ec.generate_private_key(ec.SECP256R1()))


def current(keys: tuple[SigningKey, ...], *, now: datetime) -> SigningKey:
    """The key that signs: the newest that was published long enough ago, the oldest where there is none."""
    known = [key for key in keys if key.created_at + PUBLISHED_AHEAD <= now]
    return known[-1] if known else keys[0]


def kept(keys: tuple[SigningKey, ...], *, now: datetime) -> tuple[SigningKey, ...]:
    """Without the keys of which every token has run out by now."""
    spent_after = PUBLISHED_AHEAD + _SLACK + LONGEST_TOKEN
    followers: tuple[SigningKey | None, ...] = (*keys[1:], None)
    pairs = zip(keys, followers, strict=True)
    return tuple(key for key, follower in pairs if follower is None or follower.created_at + spent_after > now)


@dataclass(slots=True, eq=False)
class KeyRing:
    """The keys of a file, oldest first; read again when the file has changed."""

    path: Path
    keys: tuple[SigningKey, ...] = ()
    _seen: tuple[int, int] | None = None

    def refresh(self) -> None:
        """Reads the file, where it is another than before.

        Raises:
            SigningKeysError: it cannot be read, or holds no keys.
        """
        try:
            status = self.path.stat()
            seen = (status.st_ino, status.st_mtime_ns)
            if seen != self._seen:
                self.keys, self._seen = _read(self.path), seen
        except OSError as error:
            raise SigningKeysError(f"{self.path} cannot be read: {error.strerror}") from error

    @property
    def newest(self) -> tuple[SigningKey, ...]:
        """The keys as the file has them now: a look at it takes 2 µs, and a stolen key that was dropped counts no more.

        While the file cannot be read, those that were read last.
        """
        with suppress(SigningKeysError):
            self.refresh()
        return self.keys

    def by_name(self, kid: str) -> SigningKey | None:
        """The key of this name; None of one that there is not, or not any more."""
        return next((key for key in self.newest if key.kid == kid), None)

    def rotate(self, *, now: datetime, drops_old: bool = False) -> SigningKey:
        """Adds a key, which signs after 10 minutes; at once where the old ones are dropped, and their tokens end."""
        with _locked(self.path):
            self.refresh()
            return self._add(now=now, drops_old=drops_old)

    def rotate_when_due(self, *, now: datetime, every: timedelta) -> SigningKey | None:
        """Adds a key when the newest has that age, and removes those that are spent; the new key, None without one."""
        with _locked(self.path):
            self.refresh()
            if self.keys[-1].created_at + every <= now:
                return self._add(now=now, drops_old=False)
            if len(left := kept(self.keys, now=now)) < len(self.keys):
                self._write(left)
        return None

    def _add(self, *, now: datetime, drops_old: bool) -> SigningKey:
        added = new_key(now=now)
        self._write((*(() if drops_old else kept(self.keys, now=now)), added))
        return added

    def _write(self, keys: tuple[SigningKey, ...]) -> None:
        with _written(self.path, keys) as name:
            name.replace(self.path)
        self.refresh()


def key_ring(path: Path, *, now: datetime) -> KeyRing:
    """The keys of a file; it is made with one key where it is missing, for its owner's eyes only.

    Raises:
        SigningKeysError: it cannot be read or made, or holds no keys.
    """
    ring = KeyRing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if not path.exists():
                with _written(path, (new_key(now=now),)) as name:
                    name.replace(path)
    except OSError as error:
        raise SigningKeysError(f"{path} cannot be made: {error.strerror}") from error
    ring.refresh()
    return ring


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Nobody else changes the file meanwhile."""
    with os.fdopen(os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        flock(lock, LOCK_EX)
        yield


@contextmanager
def _written(path: Path, keys: tuple[SigningKey, ...]) -> Generator[Path]:
    """A whole file beside the one that it is to replace; made with mode 0600."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=".signing", delete=False) as file:
        try:
            json.dump({"keys": [key.written for key in keys]}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
            yield Path(file.name)
        except BaseException:
            Path(file.name).unlink()
            raise


def _read(path: Path) -> tuple[SigningKey, ...]:
    try:
        keys = tuple(_key_of(written) for written in json.loads(path.read_text("utf-8"))["keys"])
    except (ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise _no_keys(path) from error
    if not keys:
        raise _no_keys(path)
    return tuple(sorted(keys, key=lambda key: key.created_at))


def _no_keys(path: Path) -> SigningKeysError:
    return SigningKeysError(f"{path} holds no signing keys: restore it, or remove it and everybody signs in anew")


def _key_of(written: Mapping[str, str]) -> SigningKey:
    private = ECAlgorithm(ECAlgorithm.SHA256).from_jwk(dict(written))
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ValueError("not a private key on P-256")  # noqa: TRY004 - a value of the file
    return SigningKey(written["kid"], datetime.fromisoformat(written["createdAt"]), private)


class BadSignatureError(Exception):
    """A token is not ours, was changed, or is for somebody else."""


@dataclass(frozen=True, slots=True)
class Signing:
    """Signs claims for an audience by the current key, and reads them back under any key that is still known."""

    ring: KeyRing
    now: Callable[[], datetime]

    def issue(self, claims: Mapping[str, Any], *, audience: str, lifetime: timedelta) -> Issued:
        """A JWT (ES256) with these claims, from now on for so long; `iss`, `aud`, `iat` and `exp` are added.

        Raises:
            ValueError: over 31 days.
        """
        if lifetime > LONGEST_TOKEN:
            raise ValueError(f"a token lasts {LONGEST_TOKEN.days} days at the most")
        issued_at = self.now().astimezone(UTC).replace(microsecond=0)
        expires_at = issued_at + lifetime
        key = current(self.ring.newest, now=issued_at)
        whole = {**claims, "iss": ISSUER, "aud": audience, "iat": issued_at, "exp": expires_at}
        return Issued(jwt.encode(whole, key.private, algorithm=ALGORITHM, headers={"kid": key.kid}), expires_at)

    def read(self, token: str, *, audience: str) -> dict[str, Any]:
        """The claims of a token for this audience; whether it has expired is left to the caller's clock.

        Raises:
            BadSignatureError: it is not ours, was changed, or is for another audience.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self.ring.by_name(kid) if isinstance(kid, str) else None
            if key is None:
                raise BadSignatureError
            return jwt.decode(
                token,
                key.private.public_key(),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=audience,
                options={"require": ["exp", "iss", "aud"], "verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise BadSignatureError from error

    def public_keys(self) -> dict[str, list[dict[str, str]]]:
        """The public halves of all keys that count, as a JWK set."""
        return {"keys": [key.public for key in self.ring.newest]}
