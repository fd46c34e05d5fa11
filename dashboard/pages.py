"""Turns the dashboard and the built GraphiQL into Starlette routes: their pages, and assets that never change."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from dashboard.build import OUTPUT

# Nothing may come from or go to another server. Monaco writes style elements, hence 'unsafe-inline' for
# styles alone; GraphiQL's style sheet carries fonts as data: addresses; 'self' covers websockets of this host.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
ASSET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))  # the smaller first
UNBUILT_PAGE = Path(__file__).parent / "unbuilt.html"
APP = Path(__file__).parent / "static" / "app"
# The dashboard writes no style elements, so that it can do without 'unsafe-inline'.
APP_HEADERS = SECURITY_HEADERS | {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
FOR_EVER = "public, max-age=31536000, immutable"


def graphiql_routes(*, static_dir: Path | None = None) -> list[BaseRoute]:
    """Routes for `/graphiql` and `/graphiql/assets/{name}`.

    `static_dir` is what `python -m dashboard.build` wrote, by default where it writes. The files are looked
    up at each request, so a build needs no restart. Until there is one, `/graphiql` answers 503 with a page
    that says how to build.
    """
    built = static_dir or OUTPUT
    return [
        Route("/graphiql", partial(_page, built), name="graphiql"),
        Route("/graphiql/assets/{name}", partial(_asset, built / "assets"), name="graphiql-asset"),
    ]


def dashboard_routes(*, static_dir: Path = APP) -> list[BaseRoute]:
    """Routes for `/` and `/app/{version}/{name}`.

    The files are read once, here. Their version is a digest of them all, which the page puts into every address: what
    is asked for under it may be kept for ever, everything else is asked for again each time by its ETag.
    """
    app = read_app(static_dir)
    return [
        Route("/", partial(_app_page, app), name="dashboard"),
        Route("/app/{version}/{name}", partial(_app_asset, app), name="dashboard-asset"),
    ]


@dataclass(frozen=True, slots=True)
class AppFile:
    """A file as it is sent, and compressed with gzip."""

    body: bytes
    compressed: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """Weak, because both forms share it."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:20]}"'


@dataclass(frozen=True, slots=True)
class App:
    """The dashboard's page and the files that it loads, under one version."""

    version: str
    page: AppFile
    assets: Mapping[str, AppFile]


def read_app(static_dir: Path) -> App:
    """The dashboard of a folder: its index.html knows its version, and names its modules so that none is waited for."""
    names = sorted(path.name for path in static_dir.iterdir() if path.suffix in MEDIA_TYPES)
    assets = {name: _app_file((static_dir / name).read_bytes(), MEDIA_TYPES[Path(name).suffix]) for name in names}
    digest = hashlib.sha256(b"".join(name.encode() + file.body for name, file in assets.items()))
    version = digest.hexdigest()[:16]
    modules = (name for name in names if name.endswith(".js") and name != "main.js")
    ahead = "\n    ".join(f'<link rel="modulepreload" href="/app/VERSION/{name}" />' for name in modules)
    page = (static_dir / "index.html").read_text("utf-8").replace("</title>", f"</title>\n    {ahead}")
    return App(version, _app_file(page.replace("VERSION", version).encode(), "text/html; charset=utf-8"), assets)


def _app_file(body: bytes, media_type: str) -> AppFile:
    return AppFile(body, gzip.compress(body, mtime=0), media_type)


async def _app_page(app: App, request: Request) -> Response:
    return _app_answer(app.page, request, cache="no-cache")


async def _app_asset(app: App, request: Request) -> Response:
    file = app.assets.get(request.path_params["name"])
    if file is None:
        raise HTTPException(404, headers=APP_HEADERS)
    # A page of another version may still ask, while servers are being replaced: it is answered, and keeps nothing.
    is_own = request.path_params["version"] == app.version
    return _app_answer(file, request, cache=FOR_EVER if is_own else "no-cache")


def _app_answer(file: AppFile, request: Request, *, cache: str) -> Response:
    headers = {"Cache-Control": cache, "ETag": file.etag, "Vary": "Accept-Encoding", **APP_HEADERS}
    known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    if "gzip" in accepted_encodings(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.body, headers=headers, media_type=file.media_type)


def accepted_encodings(header: str) -> set[str]:
    """The content codings that an Accept-Encoding header allows, in lower case; those with q=0 left out.

    `*` stands for every coding that the header does not name.
    """
    weights = dict(_weighted(part) for part in header.lower().split(",") if part.strip())
    every = {name for name, _ in ENCODINGS} if weights.get("*") else set[str]()
    return {name for name in every | weights.keys() if weights.get(name, 1.0) > 0} - {"*"}


def _weighted(part: str) -> tuple[str, float]:
    name, _, parameters = part.partition(";")
    weight = re.search(r"\bq\s*=\s*([0-9.]+)", parameters)
    try:
        return name.strip(), float(weight[1]) if weight else 1.0
    except ValueError:
        return name.strip(), 0.0


async def _page(built: Path, request: Request) -> Response:
    del request
    page = built / "index.html"
    if page.is_file():
        return FileResponse(page, media_type="text/html", headers={"Cache-Control": "no-cache", **SECURITY_HEADERS})
    # 503, not 200: a script that waits for GraphiQL, or a monitor, must not take this page for it.
    return HTMLResponse(
        UNBUILT_PAGE.read_text(encoding="utf-8"), 503, {"Cache-Control": "no-store", **SECURITY_HEADERS}
    )


async def _asset(assets: Path, request: Request) -> Response:
    name: str = request.path_params["name"]
    media_type = MEDIA_TYPES.get(Path(name).suffix)
    path = assets / name
    if not ASSET_NAME.fullmatch(name) or media_type is None or not path.is_file():
        raise HTTPException(404, headers=SECURITY_HEADERS)
    found, coding = _variant(path, accepted=accepted_encodings(request.headers.get("accept-encoding", "")))
    return FileResponse(found, media_type=media_type, headers=_asset_headers(coding))


def _variant(path: Path, *, accepted: set[str]) -> tuple[Path, str | None]:
    """The smallest stored form of the file that the client can read, and its content coding."""
    for coding, suffix in ENCODINGS:
        compressed = path.with_name(path.name + suffix)
        if coding in accepted and compressed.is_file():
            return compressed, coding
    return path, None


def _asset_headers(coding: str | None) -> dict[str, str]:
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if coding:
        headers["Content-Encoding"] = coding
    return headers | SECURITY_HEADERS
