"""Turns graphql-core's messages into ones that say what is accepted, or give nothing of a closed schema away."""

import re

from graphql import GraphQLEnumType, GraphQLSchema

_ENUM = re.compile(r"does not exist in '(\w+)' enum|Enum '(\w+)' cannot represent")
_SUGGESTION = re.compile(r"\s*Did you mean .*?\?")


def accepted_values(message: str, *, schema: GraphQLSchema) -> str:
    """The message; one about the value of an enum also lists the values that it has."""
    match = _ENUM.search(message)
    enum = schema.get_type(match[1] or match[2]) if match else None
    if not isinstance(enum, GraphQLEnumType):
        return message
    stripped = _SUGGESTION.sub("", message).rstrip(" .")
    return f"{stripped}. Accepted: {', '.join(enum.values)}."


def without_suggestions(message: str) -> str:
    """The message without names that the schema has and the client did not use."""
    return _SUGGESTION.sub("", message)
