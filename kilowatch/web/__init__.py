"""Turns HTTP requests and websockets into GraphQL operations, and their results into answers.

Comes in: requests for `/graphql`, `/graphiql`, `/healthz`, `/readyz`, `/metrics`. Goes out: JSON, frames of
graphql-transport-ws, pages. Imported by the composition root alone.
"""
