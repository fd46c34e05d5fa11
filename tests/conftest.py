"""Fixtures of every test: a migrated database of its own on a real Postgres, a real broker."""

from hypothesis import settings

pytest_plugins = ["tests.fixtures.database", "tests.fixtures.broker", "tests.fixtures.stack", "tests.fixtures.flat"]

settings.register_profile("unhurried", deadline=None)  # the time that an example takes is the machine's affair
settings.load_profile("unhurried")
