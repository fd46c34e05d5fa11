"""The routes that serve GraphiQL: headers, compressed files, names, and the page before there is a build."""

import gzip
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from dashboard.pages import CONTENT_SECURITY_POLICY, accepted_encodings, graphiql_routes

SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    assets = tmp_path / "graphiql" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text("<!doctype html><title>built</title>")
    (assets / "index-Ab1_.js").write_bytes(SCRIPT)
    (assets / "index-Ab1_.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "index-Ab1_.js.br").write_bytes(b"as if brotli")
    (assets / "mark-x.svg").write_bytes(b"<svg/>")
    (assets / "notes.txt").write_text("no page asks for this")
    (tmp_path / "secret.js").write_text("outside")
    return assets.parent


@pytest.fixture
async def client(built: Path) -> AsyncGenerator[httpx.AsyncClient]:
    async with browser_of(built) as opened:
        yield opened


def browser_of(static_dir: Path) -> httpx.AsyncClient:
    app = Starlette(routes=graphiql_routes(static_dir=static_dir))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kilowatch.test")


async def asset(client: httpx.AsyncClient, *, accept: str, name: str = "index-Ab1_.js") -> httpx.Response:
    request = client.build_request("GET", f"/graphiql/assets/{name}", headers={"Accept-Encoding": accept})
    return await client.send(request, stream=True)


async def test_the_page_is_asked_for_again_each_time(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphiql")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/graphiql", "/graphiql/assets/index-Ab1_.js", "/graphiql/assets/absent.js"])
async def test_every_answer_carries_the_policy(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path, headers={"Accept-Encoding": "identity"})).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_script_be_made_from_text() -> None:
    parts = [part.partition(" ") for part in CONTENT_SECURITY_POLICY.split("; ")]
    directives = {name: sources for name, _, sources in parts}
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["worker-src"] == directives["connect-src"] == "'self'"
    named = " ".join(directives.values()).split()
    assert set(named) == {"'none'", "'self'", "'unsafe-inline'", "data:"}


async def test_an_asset_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await asset(client, accept="identity")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert await answer.aread() == SCRIPT


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("identity", None),
        ("", None),
        ("br;q=0, gzip;q=0", None),
        ("br;q=nonsense.", "br"),
    ],
)
async def test_the_smallest_form_that_the_client_reads_is_sent(
    client: httpx.AsyncClient, accept: str, coding: str | None
) -> None:
    answer = await asset(client, accept=accept)
    assert answer.headers.get("content-encoding") == coding
    await answer.aclose()


async def test_a_compressed_answer_says_its_own_length(client: httpx.AsyncClient, built: Path) -> None:
    answer = await asset(client, accept="gzip")
    stored = (built / "assets" / "index-Ab1_.js.gz").stat().st_size
    assert int(answer.headers["content-length"]) == stored
    assert await answer.aread() == SCRIPT


async def test_an_asset_without_a_compressed_form_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await asset(client, accept="br, gzip", name="mark-x.svg")
    assert "content-encoding" not in answer.headers
    assert (await answer.aread(), answer.headers["content-type"]) == (b"<svg/>", "image/svg+xml")


@pytest.mark.parametrize(
    "name",
    [
        "absent.js",
        "notes.txt",
        "index-Ab1_.js.gz",
        "../index.html",
        "..%2f..%2fsecret.js",
        "%2e%2e/%2e%2e/secret.js",
        "..%5c..%5csecret.js",
        "%2fetc%2fpasswd",
        "index-Ab1_.js%00",
        ".hidden.js",
        "",
    ],
)
async def test_no_other_name_leads_to_a_file(client: httpx.AsyncClient, name: str) -> None:
    raw = httpx.URL("http://kilowatch.test").copy_with(raw_path=f"/graphiql/assets/{name}".encode())
    assert (await client.get(raw)).status_code == 404


async def test_before_a_build_the_page_says_how_to_build(tmp_path: Path) -> None:
    async with browser_of(tmp_path / "absent") as client:
        page = await client.get("/graphiql")
    assert (page.status_code, page.headers["cache-control"]) == (503, "no-store")
    assert "make graphiql" in page.text
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "<script" not in page.text


async def test_a_build_shows_without_a_restart(tmp_path: Path) -> None:
    async with browser_of(tmp_path) as client:
        assert (await client.get("/graphiql")).status_code == 503
        (tmp_path / "index.html").write_text("built")
        assert (await client.get("/graphiql")).text == "built"


def test_a_star_stands_for_the_codings_that_are_not_named() -> None:
    assert accepted_encodings("gzip;q=0, *") == {"br"}
    assert accepted_encodings("*;q=0, br") == {"br"}
    assert accepted_encodings("Br ; q=0.001") == {"br"}
