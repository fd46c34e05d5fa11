"""Turns the place of a field in an answer into its resolver's context: that of its branch, if it has one."""

from typing import Any

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers.context import Context, Info


def branch(info: Info, context: Context) -> None:
    """Gives everything below this field a context of its own."""
    operation = info.context
    while operation.origin is not None:
        operation = operation.origin
    operation.branches[tuple(info.path.as_list())] = context


class BranchingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes as Strawberry does, and gives resolvers the context of their branch where there are any."""

    def build_resolve_info(self, field_def: Any, field_nodes: Any, parent_type: Any, path: Any) -> Any:  # noqa: D102 - graphql-core's
        strawberrys: Any = super()
        info = strawberrys.build_resolve_info(field_def, field_nodes, parent_type, path)
        context: Any = self.context_value
        if not getattr(context, "branches", None):
            return info
        return info._replace(context=_branch_of(context, path))


def _branch_of(context: Context, path: Any) -> Context:
    """The context of the nearest branch above a place; without one, the operation's."""
    keys = path.as_list()
    found = (context.branches.get(tuple(keys[:count])) for count in range(len(keys) - 1, 0, -1))
    return next((branch for branch in found if branch is not None), context)
