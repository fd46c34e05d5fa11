"""Describes lists that are read page by page, as Relay connections with `nodes` and `totalCount`."""

from typing import Generic, TypeVar

import strawberry

from resolvers.pages import Cursor, Direction

T = TypeVar("T")

strawberry.enum(Direction, description="Whether a list begins with the least or with the most.")

WINDOW = {
    "first": "How many at the most, 1 to 500; 50 when left out. Does not count with `last`.",
    "after": "Only what comes after this cursor.",
    "last": "The last so many instead of the first, 1 to 500, in the same order.",
    "before": "Only what comes before this cursor.",
}
"""Descriptions of the arguments of lists that are paged both ways."""


@strawberry.type(description="Where a page of a list starts and ends.")
class PageInfo:
    """See `resolvers.pages.PageInfo`."""

    has_next_page: bool = strawberry.field(
        description="Whether there are items after this page; after one of the `last`: whether `before` was given."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether there are items before this page; before one of the `first`: whether `after` was given."
    )
    start_cursor: Cursor | None = strawberry.field(
        description="The first item's cursor: pass it as `before` for the page before, where that is an argument. Null"
        " for an empty page."
    )
    end_cursor: Cursor | None = strawberry.field(
        description="The last item's cursor: pass it as `after` for the next page. Null for an empty page."
    )


@strawberry.type(description="One item of a list and its cursor.")
class Edge(Generic[T]):
    """See `resolvers.pages.Edge`."""

    cursor: Cursor = strawberry.field(description="The item's place in the list.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """See `resolvers.pages.Page`."""

    total_count: int = strawberry.field(
        description="How many items the whole list has, as far as the arguments of the field choose from it; counted"
        " only where it is asked for."
    )
    nodes: list[T] = strawberry.field(description="The items of this page, in order.")
    edges: list[Edge[T]] = strawberry.field(description="The items of this page with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page starts and ends.")
