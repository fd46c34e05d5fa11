"""Fixtures of every test: a migrated database of its own on a real Postgres, a real broker."""

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.broker", "tests.fixtures.stack", "tests.fixtures.flat"]
