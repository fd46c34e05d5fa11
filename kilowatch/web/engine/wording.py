"""Turns graphql-core's messages into ones that say what is accepted, and repeat nothing that was sent."""

import re

from graphql import GraphQLEnumType, GraphQLSchema

_ENUM = re.compile(r"does not exist in '(\w+)' enum|Enum '(\w+)' cannot represent")
_SUGGESTION = re.compile(r"\s*Did you mean .*?\?")
_VALUE = re.compile(r"(cannot represent [^:]*value): .*|(?:, found|\. Found|(?<=\?) Found): .*", re.DOTALL)
_WORD = re.compile(r"(Syntax Error: .*found (?:String|BlockString|Int|Float)) '.*", re.DOTALL)


def accepted_values(message: str, *, schema: GraphQLSchema) -> str:
    """The message; one about the value of an enum also lists the values that it has."""
    match = _ENUM.search(message)
    enum = schema.get_type(match[1] or match[2]) if match else None
    if not isinstance(enum, GraphQLEnumType):
        return message
    stripped = _SUGGESTION.sub("", message).rstrip(" .")
    return f"{stripped}. Accepted: {', '.join(enum.values)}."


def without_given(message: str) -> str:
    """The message without the value that it complains of: it may be a password in the wrong place, or of another type.

    Where the value stood, and what its type is, stays.
    """
    found = _WORD.sub(r"\1", _VALUE.sub(r"\1", message))
    return found if found == message or found.endswith((".", "?")) else f"{found}."


def without_suggestions(message: str) -> str:
    """The message without names that the schema has and the client did not use."""
    return _SUGGESTION.sub("", message)
