"""Turns the environment into the settings of a command, with logging set up."""

import logging
import os
import sys

from rich.console import Console
from rich.logging import RichHandler

from kilowatch.redaction import Redaction, redact_logs, redact_tracebacks
from kilowatch.settings import Settings, read, secrets_in, unknown, variable

errors = Console(stderr=True)
_log = logging.getLogger("kilowatch")


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""


def started(*, needs: tuple[str, ...] = ()) -> Settings:
    """The settings; from here on no log and no traceback shows a secret of theirs.

    Variables that look like settings and are none are warned of.

    Raises:
        SettingError: a value does not fit.
        CommandError: one of the settings that the command `needs` is missing.
    """
    settings = read(os.environ)
    _set_up_logging(settings.log_level)
    redaction = redaction_of_environment()
    redact_logs(redaction)
    redact_tracebacks(redaction)
    for words in unknown(os.environ):
        _log.warning("%s", words)
    missing = [variable(name) for name in needs if not getattr(settings, name)]
    if missing:
        raise CommandError(f"set {' and '.join(missing)}, or run `kilowatch demo`, which brings its own services")
    return settings


def redaction_of_environment() -> Redaction:
    """Hides what the settings keep secret."""
    return Redaction.of(secrets_in(os.environ))


def _set_up_logging(level: str) -> None:
    if sys.stderr.isatty():
        handlers: list[logging.Handler] = [RichHandler(console=errors, show_path=False)]
        logging.basicConfig(level=level, format="%(name)s: %(message)s", datefmt="[%X]", handlers=handlers)
    else:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if level != "DEBUG":
        for talkative in ("gmqtt", "uvicorn"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
