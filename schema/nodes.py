"""Describes what can be fetched again by a global id, as Relay's clients do."""

import strawberry

from resolvers import nodes as resolved
from schema.arguments import Arguments


@strawberry.interface(description="What has an id of its own, by which `node` fetches it again.")
class Node:
    """See `resolvers.nodes.Node`."""

    id: strawberry.ID = strawberry.field(
        description="Opaque, the only one of its kind in the whole API; stays the same when the name changes."
    )


@strawberry.type
class NodeQueries:
    """The queries by global ids."""

    node: resolved.Node | None = strawberry.field(
        resolver=resolved.node,
        graphql_type=Node | None,
        description='The panel or device of this id; null for "not there" and "not yours" alike.',
        extensions=[Arguments(id_=("id", "The `id` of a panel or a device."))],
    )
    nodes: list[resolved.Node | None] = strawberry.field(
        resolver=resolved.nodes,
        graphql_type=list[Node | None],
        description='The panels and devices of these ids, in their order; null for "not there" and "not yours" alike.',
        extensions=[Arguments(ids="The ids, 100 at the most.")],
    )
