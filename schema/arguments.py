"""Turns a resolver's parameters into described arguments of the field that the resolver answers."""

from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField


class Arguments(FieldExtension):
    """Describes every argument of a field: `extensions=[Arguments(code="The panel's code.")]`.

    A pair names the argument as well: `since=("from", "Where it starts.")`.

    Raises:
        TypeError: when the schema is built and an argument has no description, or a description no argument.
    """

    def __init__(self, **descriptions: str | tuple[str, str]) -> None:
        self._descriptions = descriptions

    def apply(self, field: StrawberryField) -> None:
        """Puts names and descriptions on the field's arguments."""
        names = {argument.python_name for argument in field.arguments}
        if names != set(self._descriptions):
            raise TypeError(f"{field.name}: described {set(self._descriptions)}, but its arguments are {names}")
        for argument in field.arguments:
            described = self._descriptions[argument.python_name]
            if isinstance(described, tuple):
                argument.graphql_name, described = described
            argument.description = described
