"""Turns the text of documents into parsed, validated ones, each distinct text once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from kilowatch.web.engine.document_limits import over_limits
from kilowatch.web.engine.execution import Outlines, outlines_of
from kilowatch.web.engine.places import placed
from kilowatch.web.newest import Newest

MAX_TOKENS = 1000
KEPT_DOCUMENTS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A document that fits the schema: one text is one object while it is kept, so that plans can be kept with it."""

    text: str
    tree: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]
    outlines: Outlines


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One operation of a document, ready to be run with any variables."""

    document: Document
    node: OperationDefinitionNode

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    @property
    def name(self) -> str | None:
        """The operation's name; None without."""
        return self.node.name.value if self.node.name else None


class DocumentError(Exception):
    """A document cannot be run; `errors` say why, each for clients and with a code where the stage alone says none."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(error.message for error in errors))


@dataclass(slots=True, eq=False)
class Documents:
    """The documents of one schema that were asked for lately.

    The rules are made once and what was found valid is kept: validation is 0.4 ms for `{hello}` and 1.5 ms for what
    a phone asks for its first screen. Documents that cannot be run are not kept.
    """

    schema: GraphQLSchema
    rules: tuple[type[ASTValidationRule], ...]
    _kept: Newest[str, Document] = field(default_factory=lambda: Newest[str, Document](KEPT_DOCUMENTS))

    def prepared(self, text: str, *, operation_name: str | None) -> Prepared:
        """The operation of that name, or the only one.

        Raises:
            DocumentError: the text is no document, does not fit the schema, is over a limit, or has no such operation.
        """
        document = self._kept.get(text)
        if document is None:
            document = self._read(text)
            self._kept.keep(text, document)
        return Prepared(document, _chosen(document, operation_name))

    def _read(self, text: str) -> Document:
        try:
            tree = parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS)
        except GraphQLError as error:
            raise DocumentError([_over_limit(error)]) from None
        if errors := over_limits(tree) or validate(self.schema, tree, self.rules, hide_suggestions=True):
            raise DocumentError(placed(errors, tree))
        operations = tuple(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
        return Document(text, tree, operations, outlines_of(tree))


def rules(*, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """What every document has to hold to beside our limits: the specification."""
    return (*specified_rules, *([] if introspection else [NoSchemaIntrospectionCustomRule]))


def _chosen(document: Document, name: str | None) -> OperationDefinitionNode:
    if name is None:
        if len(document.operations) == 1:
            return document.operations[0]
        if document.operations:
            raise _no_operation("The document has several operations: say which one in `operationName`.")
        raise _no_operation("The document has no operation.")
    for node in document.operations:
        if node.name and node.name.value == name:
            return node
    raise _no_operation(f"The document has no operation named {name}.")


def _no_operation(message: str) -> DocumentError:
    return DocumentError([GraphQLError(message, extensions={"code": "OPERATION_NOT_FOUND"})])


def _over_limit(error: GraphQLError) -> GraphQLError:
    """graphql-core reports too many tokens as it does faults of syntax; here it is a limit like the others."""
    if not error.message.startswith(("Syntax Error: Document contains more than", "Document contains more than")):
        return error
    message = f"The document has more than {MAX_TOKENS} tokens or comments."
    return GraphQLError(message, extensions={"code": "GRAPHQL_VALIDATION_FAILED"})
