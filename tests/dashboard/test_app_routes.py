"""The routes that serve the dashboard: policy, versions, what may be kept, and names."""

import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from dashboard.pages import APP, FOR_EVER, dashboard_routes, read_app


@pytest.fixture
async def client() -> AsyncGenerator[httpx.AsyncClient]:
    app = Starlette(routes=dashboard_routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kilowatch.test") as opened:
        yield opened


async def test_everything_the_page_names_is_there_and_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    named = re.findall(r'(?:href|src)="(/app/[^"]+)"', page.text)
    assert len(named) == len([path for path in APP.iterdir() if path.suffix in {".js", ".css", ".svg"}])
    for address in named:
        answer = await client.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, FOR_EVER), address


async def test_every_module_imports_only_modules_that_are_served() -> None:
    assets = read_app(APP).assets
    imported = [name for file in assets.values() for name in re.findall(rb"from '\./([a-z_]+\.js)'", file.body)]
    assert imported
    assert {name.decode() for name in imported} <= set(assets)


async def test_the_page_is_asked_for_again_and_found_unchanged(client: httpx.AsyncClient) -> None:
    first = await client.get("/")
    again = await client.get("/", headers={"If-None-Match": f'"another", {first.headers["etag"]}'})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


async def test_a_page_of_another_version_is_answered_and_keeps_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/app/0123456789abcdef/main.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert (await client.get("/app/0/main.js", headers={"If-None-Match": answer.headers["etag"]})).status_code == 304


@pytest.mark.parametrize("path", ["/", "/app/0/main.js", "/app/0/absent.js"])
async def test_no_style_and_no_script_may_stand_in_the_page_itself(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    parts = [part.partition(" ") for part in headers["content-security-policy"].split("; ")]
    policy = {name: sources for name, _, sources in parts}
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["img-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    page = (await client.get("/")).text
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)|\son[a-z]+=", page)


async def test_a_client_without_gzip_gets_the_same_words(client: httpx.AsyncClient) -> None:
    packed = await client.get("/app/0/main.js", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/app/0/main.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == (APP / "main.js").read_bytes()
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("name", ["absent.js", "index.html", "..%2findex.html", "%2e%2e/pages.py", ".js", ""])
async def test_no_other_name_leads_to_a_file(client: httpx.AsyncClient, name: str) -> None:
    raw = httpx.URL("http://kilowatch.test").copy_with(raw_path=f"/app/0/{name}".encode())
    assert (await client.get(raw)).status_code == 404


def test_any_change_of_a_file_is_another_version(tmp_path: Path) -> None:
    folder = shutil.copytree(APP, tmp_path / "app")
    before = read_app(folder)
    (folder / "mark.svg").write_text("<svg/>")
    after = read_app(folder)
    assert before.version == read_app(APP).version != after.version
    assert after.version in after.page.body.decode()
    assert "VERSION" not in after.page.body.decode()
