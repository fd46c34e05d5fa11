"""Numbered SQL files, forward-only, that turn an empty database into the current schema; imports nothing."""
