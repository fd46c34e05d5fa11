"""Signing keys change while tokens live; nothing but their own signature counts."""

import hmac
import json
import stat
from base64 import urlsafe_b64encode
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kilowatch.web.signing_keys import (
    LONGEST_TOKEN,
    PUBLISHED_AHEAD,
    KeyRing,
    Signing,
    SigningKeysError,
    key_ring,
)
from kilowatch.web.tokens import InvalidTokenError, Tokens
from kilowatch.web.viewers import Viewers
from store.connections import open_pool
from tests.fixtures.server import Server

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SESSION = UUID(int=7)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing-keys.json"


def tokens_of(ring: KeyRing, clock: Clock) -> Tokens:
    return Tokens(Signing(ring, clock), timedelta(minutes=15), clock)


def kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def made_in_a_process(path: str) -> str:
    return key_ring(Path(path), now=NOON).keys[0].kid


def test_the_first_start_makes_one_key_for_the_eyes_of_its_owner_alone(path: Path) -> None:
    first = key_ring(path, now=NOON)
    assert len(first.keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_ring(path, now=NOON).keys[0].kid == first.keys[0].kid


def test_processes_that_start_at_once_make_one_key(path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as processes:
        assert len(set(processes.map(made_in_a_process, [str(path)] * 8))) == 1


def test_a_token_of_the_last_key_counts_while_the_next_one_signs(path: Path) -> None:
    clock = Clock()
    ring, elsewhere = key_ring(path, now=NOON), KeyRing(path)
    elsewhere.refresh()
    old = tokens_of(ring, clock).issue(7, SESSION).token
    added = ring.rotate(now=clock.at)
    assert kid_of(tokens_of(ring, clock).issue(7, SESSION).token) == kid_of(old)  # published, not used yet
    clock.at += PUBLISHED_AHEAD
    new = tokens_of(ring, clock).issue(7, SESSION).token
    assert kid_of(new) == added.kid
    for one in (ring, elsewhere):  # another process reads the file again when it meets the name
        assert [tokens_of(one, clock).read(token).session_id for token in (old, new)] == [SESSION] * 2


def test_a_key_is_added_when_it_is_due_and_removed_when_its_last_token_has_run_out(path: Path) -> None:
    every = timedelta(days=90)
    ring = key_ring(path, now=NOON)
    first = ring.keys[0].kid
    assert ring.rotate_when_due(now=NOON + every - timedelta(seconds=1), every=every) is None
    second = ring.rotate_when_due(now=NOON + every, every=every)
    assert second is not None
    assert [key.kid for key in ring.keys] == [first, second.kid]
    ring.rotate_when_due(now=NOON + every + LONGEST_TOKEN, every=every)
    assert [key.kid for key in ring.keys] == [first, second.kid]
    ring.rotate_when_due(now=NOON + every + LONGEST_TOKEN + timedelta(hours=3), every=every)
    assert [key.kid for key in ring.keys] == [second.kid]


def test_dropping_the_old_keys_ends_their_tokens_at_once(path: Path) -> None:
    clock, ring = Clock(), key_ring(path, now=NOON)
    old = tokens_of(ring, clock).issue(7, SESSION).token
    added = ring.rotate(now=clock.at, drops_old=True)
    assert kid_of(tokens_of(ring, clock).issue(7, SESSION).token) == added.kid
    with pytest.raises(InvalidTokenError):
        tokens_of(ring, clock).read(old)


def test_dropping_them_ends_their_tokens_in_processes_that_run(path: Path) -> None:
    clock, elsewhere = Clock(), key_ring(path, now=NOON)
    running = tokens_of(elsewhere, clock)
    old = running.issue(7, SESSION).token
    added = key_ring(path, now=NOON).rotate(now=clock.at, drops_old=True)
    with pytest.raises(InvalidTokenError):
        running.read(old)
    assert kid_of(running.issue(7, SESSION).token) == added.kid
    assert [key["kid"] for key in running.signing.public_keys()["keys"]] == [added.kid]
    path.write_text("nothing")
    assert running.read(running.issue(7, SESSION).token).session_id == SESSION


async def test_a_server_that_has_seen_a_token_asks_for_its_key_again(path: Path, database_url: str) -> None:
    clock = Clock()
    tokens = tokens_of(key_ring(path, now=NOON), clock)
    async with open_pool(database_url) as pool:
        viewers, token = Viewers(pool, tokens, clock), tokens.issue(7, SESSION).token
        for words in ("ended", "ended", "not valid"):  # there is no such session, but the token is ours
            with pytest.raises(InvalidTokenError, match=words):
                await viewers.of_token(token)
            tokens.signing.ring.rotate(now=clock.at, drops_old=True)
            clock.at += timedelta(seconds=5)


def test_two_rotations_at_once_add_one_key(path: Path) -> None:
    every, due = timedelta(days=90), NOON + timedelta(days=91)
    one, other = key_ring(path, now=NOON), key_ring(path, now=NOON)
    assert one.rotate_when_due(now=due, every=every) is not None
    assert other.rotate_when_due(now=due, every=every) is None
    assert [key.kid for key in one.keys] == [key.kid for key in other.keys]


def test_a_token_is_read_back_until_it_expires(path: Path) -> None:
    clock = Clock()
    tokens = tokens_of(key_ring(path, now=NOON), clock)
    issued = tokens.issue(7, SESSION)
    claim = tokens.read(issued.token)
    assert (claim.account_id, claim.session_id, claim.expires_at) == (7, SESSION, NOON + timedelta(minutes=15))
    clock.at += timedelta(minutes=15)
    with pytest.raises(InvalidTokenError, match="expired"):
        tokens.read(issued.token)


def forged(ring: KeyRing) -> dict[str, str]:
    key = ring.keys[0]
    named = {"kid": key.kid}
    claims: dict[str, Any] = {
        "iss": "kilowatch", "aud": "kilowatch", "sub": "7", "sid": str(SESSION), "exp": NOON + timedelta(hours=1),
    }  # fmt: skip
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def ours(**changed: Any) -> str:
        whole = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(whole, key.private, algorithm="ES256", headers=named)

    return {
        "no signature": jwt.encode(claims, None, algorithm="none", headers=named),
        "the public key taken for a shared secret": hs256(claims, pem, kid=key.kid),
        "another key": jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers=named),
        "a key of another name": jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": "0" * 16}),
        "no name of a key": jwt.encode(claims, key.private, algorithm="ES256"),
        "a path for a name": jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": "../signing.key"}),
        "another issuer": ours(iss="x"),
        "another audience": ours(aud="mqtt"),
        "no audience": ours(aud=None),
        "no end": ours(exp=None),
        "an endless end": ours(exp=10**18),
        "no account": ours(sub=None),
        "an account of text": ours(sub="x"),
        "no session": ours(sid=None),
        "a session that is none": ours(sid="x"),
        "nothing": "",
        "dots": "...",
        "not ASCII": "é.é.é",
    }


def hs256(claims: dict[str, Any], secret: bytes, *, kid: str) -> str:
    """Signed by hand: PyJWT refuses to sign with what looks like a public key."""

    def part(value: object) -> bytes:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    whole = {**claims, "exp": int(claims["exp"].timestamp())}
    content = part({"alg": "HS256", "typ": "JWT", "kid": kid}) + b"." + part(whole)
    signature = urlsafe_b64encode(hmac.digest(secret, content, "sha256")).rstrip(b"=")
    return (content + b"." + signature).decode()


FORGED = (
    "no signature", "the public key taken for a shared secret", "another key", "a key of another name",
    "no name of a key", "a path for a name", "another issuer", "another audience", "no audience", "no end",
    "an endless end", "no account", "an account of text", "no session", "a session that is none", "nothing", "dots",
    "not ASCII",
)  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(path: Path, name: str) -> None:
    ring = key_ring(path, now=NOON)
    found = forged(ring)
    assert set(found) == set(FORGED)
    with pytest.raises(InvalidTokenError, match="not valid"):
        tokens_of(ring, Clock()).read(found[name])


def test_a_token_for_another_audience_is_no_access_token(path: Path) -> None:
    clock, ring = Clock(), key_ring(path, now=NOON)
    issued = Signing(ring, clock).issue({"sub": "7"}, audience="mqtt", lifetime=timedelta(days=1))
    assert Signing(ring, clock).read(issued.token, audience="mqtt")["sub"] == "7"
    with pytest.raises(InvalidTokenError):
        tokens_of(ring, clock).read(issued.token)
    with pytest.raises(ValueError, match="31 days"):
        Signing(ring, clock).issue({}, audience="mqtt", lifetime=timedelta(days=32))


@pytest.mark.parametrize("content", ["", "{}", '{"keys": []}', '{"keys": [{"kid": "a"}]}', "not JSON"])
def test_a_file_without_keys_is_refused_by_its_name(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content, "utf-8")
    with pytest.raises(SigningKeysError, match=r"signing-keys\.json holds no signing keys"):
        key_ring(path, now=NOON)


def test_no_key_is_shown(path: Path) -> None:
    ring = key_ring(path, now=NOON)
    secret = json.loads(path.read_text("utf-8"))["keys"][0]["d"]
    assert secret not in repr(ring)
    assert secret not in json.dumps(Signing(ring, Clock()).public_keys())


async def test_the_public_keys_are_published_for_whoever_checks_our_tokens(api: Server) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{api.root}/.well-known/jwks.json")
    (published,) = answer.json()["keys"]
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert {published[name] for name in ("kty", "crv", "alg", "use")} == {"EC", "P-256", "ES256", "sig"}
    assert "d" not in published
