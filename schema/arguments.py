"""Turns a resolver's parameters into described arguments of the field that the resolver answers."""

from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField


class Arguments(FieldExtension):
    """Describes every argument of a field: `extensions=[Arguments(code="The panel's code.")]`.

    Raises:
        TypeError: when the schema is built and an argument has no description, or a description no argument.
    """

    def __init__(self, **descriptions: str) -> None:
        self._descriptions = descriptions

    def apply(self, field: StrawberryField) -> None:
        """Puts the descriptions on the field's arguments."""
        names = {argument.python_name for argument in field.arguments}
        if names != set(self._descriptions):
            raise TypeError(f"{field.name}: described {set(self._descriptions)}, but its arguments are {names}")
        for argument in field.arguments:
            argument.description = self._descriptions[argument.python_name]
