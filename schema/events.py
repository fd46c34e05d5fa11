"""Tells graphql-core which member of a union an event is."""

from collections.abc import Callable


def instances_of(kind: type) -> Callable[[object, object], bool]:
    """A type's `is_type_of`: whether an event is one of the class that resolvers yield."""

    def is_type_of(value: object, _info: object) -> bool:
        return isinstance(value, kind)

    return staticmethod(is_type_of)
