"""Turns websockets into conversations in graphql-transport-ws."""
