"""Describes the catalogue of codes."""

import strawberry

from resolvers import codes
from resolvers.codes import CodePlace
from schema.arguments import Arguments

strawberry.enum(
    CodePlace,
    description="Where a code is met. REQUEST: any request, before its input is looked at, or a fault of the server's."
    " ACCOUNT: who is asking. INPUT: arguments, variables and inputs of mutations. COMMAND: the command line. DOWNLOAD:"
    " links of `exportLink`. WEBHOOK: what payment providers post. IMPORT_ROW: a row of an imported file. "
    "METER_MESSAGE: a message in `rejectedMessages`.",
)


@strawberry.type(description="A code of refusals and errors. Codes are stable; messages are for people and may change.")
class ErrorCode:
    """See `resolvers.codes.ErrorCode`."""

    code: str = strawberry.field(description="As it stands in `extensions.code`, and in a payload's `refusal.code`.")
    where: CodePlace = strawberry.field(description="Where it is met.")
    meaning: str = strawberry.field(description="For people: when it is answered, in Markdown.")
    help: str = strawberry.field(description="For people: what helps, or what is accepted, in Markdown.")
    is_retryable: bool = strawberry.field(description="Whether the same request may succeed later.")


@strawberry.type
class CodeQueries:
    """The query about codes."""

    error_codes: list[codes.ErrorCode] = strawberry.field(
        resolver=codes.error_codes,
        graphql_type=list[ErrorCode],
        description="Every code that may be answered, by place. Nobody needs to sign in for it. A code that is met at"
        " several places is there several times.",
        extensions=[Arguments(where="Only codes of this place; all when left out.")],
    )
