"""No secret is where it does not belong: the product runs with marked ones, is made to fail, and is searched."""

import asyncio
import json
import os
import secrets
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from ingest.publisher import Publisher
from kilowatch.demo.processes import kept_command, stop_all
from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.people import NewPerson, add_person
from kilowatch.settings import SECRETS, file_variable, variable
from tests.fixtures.stack import ADMIN, PASSWORD, Stack, free_port, wait_until_ready
from tests.ingest.messages import panel_payload


@dataclass(slots=True)
class Canaries:
    """Marked secrets by what they are, and all that was answered, apart from the answers that show a secret once."""

    secrets: dict[str, str] = field(default_factory=dict[str, str])
    answers: list[str] = field(default_factory=list[str])

    def new(self, what: str) -> str:
        """A secret that is nowhere else."""
        return self.secrets.setdefault(what, f"Canary{secrets.token_hex(12)}")

    def in_text(self, text: str) -> list[str]:
        """What is in a text that should not be."""
        return [what for what, secret in self.secrets.items() if secret in text]


def with_password(url: str, canaries: Canaries, what: str) -> str:
    """The address with a marked password; one that it has already is marked as it is."""
    parts = urlsplit(url)
    if parts.password:
        canaries.secrets[what] = parts.password
        return url
    host = f"{parts.username or 'somebody'}:{canaries.new(what)}@{parts.hostname}:{parts.port}"
    return urlunsplit((parts.scheme, host, *parts[2:]))


def environment_of(canaries: Canaries, folder: Path, *, database_url: str, mqtt_url: str) -> dict[str, str]:
    """A marked secret in every secret setting, half of them in files."""
    given = {name: canaries.new(name) for name in SECRETS}
    given |= {"database_url": with_password(database_url, canaries, "database_url")}
    given |= {"mqtt_url": with_password(mqtt_url, canaries, "mqtt_url")}
    for name in ("mail_url", "sms_url"):
        given[name] = f"json://us:{canaries.new(name)}@127.0.0.1:{free_port()}/{{to}}"
    found: dict[str, str] = {}
    for place, (name, value) in enumerate(sorted(given.items())):
        if place % 2:
            (folder / name).write_text(f"{value}\n")
            found[file_variable(name)] = str(folder / name)
        else:
            found[variable(name)] = value
    return found


@dataclass(frozen=True, slots=True)
class Marked:
    """The running product, its log at DEBUG, and its marked secrets."""

    stack: Stack
    canaries: Canaries
    log: Path

    async def post(self, query: str, *, token: str | None = None, shows_secret: bool = False, **variables: Any) -> Any:
        """The answer as JSON; noted, unless it is the one that shows a secret."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(timeout=60) as http:
            body = {"query": query, "variables": variables}
            answer = await http.post(f"{self.stack.api_url}/graphql", json=body, headers=headers)
        if not shows_secret:
            self.canaries.answers.append(answer.text + str(answer.headers))
        return answer.json()


@pytest.fixture
def marked(database_url: str, tmp_path: Path) -> Iterator[Marked]:
    canaries = Canaries()
    with ExitStack() as running:
        broker = running.enter_context(EmbeddedBroker())
        port = free_port()
        environment = {
            **{name: "" for name in os.environ if name.startswith(("KILOWATCH_", "DATABASE_URL", "MQTT_URL"))},
            **environment_of(canaries, tmp_path, database_url=database_url, mqtt_url=broker.url),
            "KILOWATCH_DATA_DIR": str(tmp_path),
            "KILOWATCH_PORT": str(port),
            "KILOWATCH_LOG_LEVEL": "DEBUG",
            "KILOWATCH_VENDOR_URL": f"http://127.0.0.1:{free_port()}/",
            "KILOWATCH_VENDOR_SERVICE": "ikeja-electric",
            "KILOWATCH_VENDOR_PHONE": "08012345678",
        }
        add_person(database_url, NewPerson(ADMIN, None, "Admin", "ADMIN", PASSWORD))
        canaries.secrets["admin's password"] = PASSWORD
        verbs = ("serve", "ingest", "work")
        keepers = [kept_command(verb, environment=environment, log_file=tmp_path / "log") for verb in verbs]
        running.callback(stop_all, keepers)
        for keeper in keepers:
            keeper.start()
        stack = Stack(f"http://127.0.0.1:{port}", database_url, broker.url, None, tmp_path)  # type: ignore[arg-type]
        wait_until_ready(stack)
        yield Marked(stack, canaries, tmp_path / "log")


LOG_IN = (
    "mutation($i: LogInInput!) { logIn(input: $i) { session { accessToken refreshToken } refusal { code message } } }"
)
SET_KEY = "mutation($i: SetOpenPaygoInput!) { setOpenPaygo(input: $i) { refusal { code message } } }"
REFRESH = "mutation($i: RefreshSessionInput!) { refreshSession(input: $i) { refusal { code message } } }"
SIGN_UP = "mutation($i: SignUpInput!) { signUp(input: $i) { refusal { code message } } }"
REGISTER = "mutation($i: RegisterDeviceInput!) { registerDevice(input: $i) { device { id } secret refusal { code } } }"
SERVICE = 'mutation { createServiceAccount(input: {name: "Bridge", scopes: [READ]}) { serviceAccount { id } } }'
KEY = "mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret } }"
SECOND_FACTOR = "mutation($i: StartSecondFactorInput!) { startSecondFactor(input: $i) { setup { secret } } }"
REJECTED = "{ rejectedMessages { nodes { topic reason payloadText } } }"
AUDIT = "{ auditLog(first: 500) { nodes { action details { name value } } } }"


async def test_no_secret_is_where_it_does_not_belong(marked: Marked) -> None:
    session = await signed_in(marked)
    await refused_log_ins(marked)
    await wrong_shapes(marked)
    await shown_once(marked, session)
    await failing_statements(marked, session)
    await unreadable_messages(marked)
    await everywhere_else(marked, session)
    canaries = marked.canaries
    assert canaries.in_text("\n".join(canaries.answers)) == []
    log = marked.log.read_text("utf-8", "replace")
    assert " DEBUG " in log
    assert "Failing row contains (***)" in log  # what was planted did fail
    assert canaries.in_text(log) == []
    assert canaries.in_text(command_lines()) == []
    assert canaries.in_text(tables(marked.stack.database_url)) == ["OpenPAYGO key"]  # tokens are made with it


async def signed_in(marked: Marked) -> str:
    found = await marked.post(LOG_IN, shows_secret=True, i={"email": ADMIN, "password": PASSWORD})
    session = found["data"]["logIn"]["session"]
    marked.canaries.secrets |= {"access token": session["accessToken"], "refresh token": session["refreshToken"]}
    return session["accessToken"]


async def refused_log_ins(marked: Marked) -> None:
    new = marked.canaries.new
    await marked.post(LOG_IN, i={"email": ADMIN, "password": new("wrong password")})
    await marked.post(LOG_IN, i={"email": "nobody@example.org", "password": new("nobody's password")})
    await marked.post(REFRESH, i={"refreshToken": f"kwr_{new('refresh token')}"})
    await marked.post(SIGN_UP, i={"email": "not an address", "name": "Ann", "password": new("new password")})
    await marked.post(SIGN_UP, i={"email": "ann@example.org", "name": "Ann", "password": new("first password")})
    jwt = f"eyJhbGciOiJFUzI1NiJ9.{new('claims')}.{new('signature')}"
    for token in (f"kwk_{new('key')}", jwt, new("bearer token")):
        await marked.post("{ viewer { id } }", token=token)
        async with connect(marked.stack.websocket_url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv()
            marked.canaries.answers.append(str(closed.value))


async def wrong_shapes(marked: Marked) -> None:
    """Secrets of the wrong type, in the wrong place, in the address, and in a document that is none."""
    new = marked.canaries.new
    for given in ([new("listed")], {"a": new("object")}, [[new("nested")]]):
        await marked.post(LOG_IN, i={"email": ADMIN, "password": given})
    await marked.post(LOG_IN, i=new("input"))
    await marked.post(LOG_IN, i={"email": ADMIN, "password": new("beside a wrong field"), "pasword": 1})
    for literal in (f'["{new("literal")}"]', f"{new('enum')}", f'{{a: "{new("literal object")}"}}', f'"{new("open")}'):
        await marked.post(f'mutation {{ logIn(input: {{email: "a", password: {literal}}}) {{ refusal {{ code }} }} }}')
    await marked.post(f'mutation {{ logIn(input: {{password "{new("syntax")}"}}) {{ refusal {{ code }} }} }}')
    async with httpx.AsyncClient(timeout=60) as http:
        variables = json.dumps({"i": {"email": ADMIN, "password": new("in the address")}})
        for path, fields in (
            ("/graphql", {"query": LOG_IN, "variables": variables}),
            (f"/export/{new('export link')}", {}),
            ("/nowhere", {"token": new("in an unknown address")}),
        ):
            answer = await http.get(f"{marked.stack.api_url}{path}", params=fields)
            marked.canaries.answers.append(answer.text)


async def shown_once(marked: Marked, token: str) -> None:
    """Secrets that are made: each is in one answer, and nowhere else from then on."""
    device = {"kind": "PANEL_METER", "name": "PM7"}
    made = await marked.post(REGISTER, token=token, shows_secret=True, i=device)
    marked.canaries.secrets["device secret"] = made["data"]["registerDevice"]["secret"]
    found = await marked.post(SERVICE, token=token)
    proof = {"proof": {"password": PASSWORD}}
    given = {"serviceAccountId": found["data"]["createServiceAccount"]["serviceAccount"]["id"], "name": "Bridge"}
    key = await marked.post(KEY, token=token, shows_secret=True, i=given | proof)
    marked.canaries.secrets["API key"] = key["data"]["createApiKey"]["secret"]
    second = await marked.post(SECOND_FACTOR, token=token, shows_secret=True, i=proof)
    marked.canaries.secrets["second factor"] = second["data"]["startSecondFactor"]["setup"]["secret"]


async def failing_statements(marked: Marked, token: str) -> None:
    """Statements that the database refuses, whose rows hold secrets; and one by one the tables mended again."""
    url = marked.stack.database_url
    marked.canaries.secrets["OpenPAYGO key"] = key = secrets.token_hex(16)
    execute(url, "INSERT INTO panel (code, name, time_zone, is_prepaid) VALUES ('PRE', 'Pre', 'UTC', true)")
    meter = {"panelCode": "PRE", "secretKeyHex": key, "kwhPerValue": "0.1"}
    await marked.post(SET_KEY, token=token, i=meter | {"secretKeyHex": key + "00"})
    password = marked.canaries.new("second password")
    sign_up = {"email": "bob@example.org", "name": "Bob", "password": password}
    asked: list[tuple[str, str, Mapping[str, Any]]] = [
        ("openpaygo_meter", SET_KEY, meter),
        ("session", LOG_IN, {"email": ADMIN, "password": PASSWORD}),
        ("account", SIGN_UP, sign_up),
        ("one_time_code", SIGN_UP, sign_up),
    ]
    for table, query, given in asked:
        with planted(url, table):
            await marked.post(query, token=token, i=given)
    done = await marked.post(SET_KEY, token=token, i=meter)
    assert done["data"]["setOpenPaygo"]["refusal"] is None


async def unreadable_messages(marked: Marked) -> None:
    async with Publisher(marked.stack.mqtt_url, client_id="meter") as meter:
        meter.publish("DATA/PM/PM7", b"{")
        meter.publish("DATA/PM/PM7", panel_payload())
        deadline = asyncio.get_running_loop().time() + 30
        while not rows(marked.stack.database_url, "SELECT FROM rejected_message"):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)


async def everywhere_else(marked: Marked, token: str) -> None:
    for query in (REJECTED, AUDIT):
        assert "data" in await marked.post(query, token=token)
    async with httpx.AsyncClient(timeout=60) as http:
        for path in ("/metrics", "/readyz", "/healthz", "/"):
            marked.canaries.answers.append((await http.get(f"{marked.stack.api_url}{path}")).text)
        event = await http.post(
            f"{marked.stack.api_url}/payments/paystack", content=b"{}", headers={"x-paystack-signature": "0"}
        )
        marked.canaries.answers.append(event.text)


@contextmanager
def planted(url: str, table: str) -> Generator[None]:
    """A table that takes no row meanwhile."""
    name = sql.Identifier(table)
    execute(url, sql.SQL("ALTER TABLE {} ADD CONSTRAINT planted CHECK (false) NOT VALID").format(name))
    try:
        yield
    finally:
        execute(url, sql.SQL("ALTER TABLE {} DROP CONSTRAINT planted").format(name))


def execute(url: str, statement: LiteralString | sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def rows(url: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def tables(url: str) -> str:
    """Every row of every table of ours, as text."""
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute(query)]
        selects = [sql.SQL("SELECT own::text FROM {} AS own").format(sql.Identifier(name)) for name in names]
        return "\n".join(text for select in selects for (text,) in connection.execute(select))


def command_lines() -> str:
    """What everybody on this machine can read of its processes."""
    own = psutil.Process().children(recursive=True)
    return "\n".join(" ".join(process.cmdline()) for process in own if process.is_running())
