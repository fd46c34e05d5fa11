"""Messages about values say where and of what type they should be, and do not repeat them."""

import pytest
from graphql import GraphQLError, GraphQLSchema, build_schema, parse, validate

from kilowatch.web.engine.wording import accepted_values, without_given

SCHEMA = "enum E { A B } input I { email: String password: String! n: Int e: E } type Query { f(i: I): Int }"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA)


def complaint(schema: GraphQLSchema, given: str) -> str:
    try:
        (error,) = validate(schema, parse(f"{{ f(i: {given}) }}"))
    except GraphQLError as fault:
        error = fault
    return accepted_values(without_given(error.message), schema=schema)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('{password: ["pearl: a"]}', "String cannot represent a non string value."),
        ("{password: pearl}", "String cannot represent a non string value."),
        ('{password: {a: "pearl"}}', "String cannot represent a non string value."),
        ('"pearl"', "Expected value of type 'I' to be an object."),
        ('{email: "pearl"}', "Expected value of type 'I' to include required field 'password'."),
        ('{pasword: "pearl", password: "pearl"}',
         "Expected value of type 'I' not to include unknown field 'pasword'. Did you mean 'password'?"),
        ('{password "pearl"}', "Syntax Error: Expected ':', found String."),
        ("{password: 1 123456}", "Syntax Error: Expected Name, found Int."),
        ('{password: "a", e: "pearl"}', "Enum 'E' cannot represent non-enum value. Accepted: A, B."),
        ('{password: "a", e: C}', "Value 'C' does not exist in 'E' enum. Accepted: A, B."),
        ('{password: "a", n: "pearl"}', "Int cannot represent non-integer value."),
    ],
)  # fmt: skip
def test_a_value_is_not_repeated(schema: GraphQLSchema, given: str, shown: str) -> None:
    assert complaint(schema, given) == shown


@pytest.mark.parametrize(
    "message", ["Cannot query field 'x' on type 'Query'.", "Syntax Error: Expected Name, found '}'."]
)
def test_other_messages_stay_as_they_are(message: str) -> None:
    assert without_given(message) == message
