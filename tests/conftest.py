"""Fixtures of every test: a migrated database of its own on a real Postgres, a real broker."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.workers",
    "tests.fixtures.database",
    "tests.fixtures.broker",
    "tests.fixtures.stack",
    "tests.fixtures.flat",
    "tests.fixtures.passwords",
]

# The time that an example takes is the machine's affair.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
