"""Turns the built GraphiQL into Starlette routes: the page, and its assets that never change."""

import re
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
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if coding:
        headers["Content-Encoding"] = coding
    return headers | SECURITY_HEADERS
