"""Turns codes and filters into the panels that the viewer may see."""

from metering.readings import PANEL_CODE
from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.pages import Cursor, Page, bad_cursor, checked_first, cursor_of, page_of, place_of
from store import panels
from store.panels import Panel, PanelFilter

CURSOR = "panel"
MAX_SEARCH_LENGTH = 100


async def page(info: Info, *, first: int, after: Cursor | None, where: PanelFilter) -> Page[Panel]:
    """The visible panels that the filter lets through, by code.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (first, search), BAD_CURSOR.
    """
    context, viewer = info.context, info.context.signed_in
    limit = checked_first(first) + 1
    if where.search is not None and not (len(where.search) <= MAX_SEARCH_LENGTH and where.search.isprintable()):
        raise Refused("BAD_INPUT", f"`search` may have {MAX_SEARCH_LENGTH} printable characters at the most.", "filter")
    after_code = None if after is None else _code_of(after)
    async with context.pool.connection() as connection:
        rows, total = await panels.page(
            connection,
            viewer=viewer,
            where=where,
            after=after_code,
            limit=limit,
            online_since=context.now() - context.online_within,
        )
    return page_of(
        rows, first=first, after=after, total_count=total, cursor=lambda panel: cursor_of(CURSOR, panel.code)
    )


def _code_of(cursor: Cursor) -> str:
    code = place_of(cursor, kind=CURSOR)
    if not PANEL_CODE.fullmatch(code):
        raise bad_cursor()
    return code


async def one(info: Info, code: str) -> Panel | None:
    """The panel of this code; None for "not there" and "not yours" alike.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    return await visible(info.context, code)


async def visible(context: Context, code: str) -> Panel | None:
    """The panel of this code as the viewer sees it; None when there is no such panel for them."""
    viewer = context.signed_in
    if not PANEL_CODE.fullmatch(code):  # Postgres refuses some texts, such as one with a NUL
        return None
    async with context.pool.connection() as connection:
        return await panels.by_code(
            connection,
            viewer=viewer,
            code=code,
            online_since=context.now() - context.online_within,
        )


async def required(context: Context, code: str) -> Panel:
    """The panel of this code, for mutations.

    Raises:
        Refused: PANEL_NOT_FOUND when there is no such panel for the viewer.
    """
    panel = await visible(context, code)
    if panel is None:
        raise Refused("PANEL_NOT_FOUND", "You have no panel of this code.", "panelCode")
    return panel
