"""Turns devices' logins into the password and access files that mosquitto reads, and puts these in place."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from kilowatch.devices.service_login import ServiceLogin
from kilowatch.starting import CommandError
from metering.device_rights import AccessRule, Action, rules_of
from store.device_secrets import hashed, is_right
from store.registered_devices import Login

PASSWORDS: Final = "passwords"
ACCESS: Final = "access"
CONFIGURATION: Final = "kilowatch.conf"
OWN: Final = ".own"
"""What stands in `passwords.own` and `access.own` is taken in: logins that are no devices of Kilowatch."""

_OWN_MODE: Final = 0o600
_RELOAD_WITHIN_S: Final = 30
_WORDS: Final = {Action.PUBLISH: "write", Action.SUBSCRIBE: "read"}


@dataclass(frozen=True, slots=True)
class MosquittoFiles:
    """The folder that mosquitto reads from."""

    folder: Path

    def write(self, logins: Sequence[Login], *, service: ServiceLogin) -> bool:
        """Puts the files in place, each at once and readable by the folder's owner alone; False where nothing is new.

        Raises:
            CommandError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lines = [*self._service_line(service), *(f"{login.username}:{login.hash}" for login in logins)]
            changed = [
                # Own rules come first: behind ours, those before the first `user` would be the last device's.
                self._put(ACCESS, self._own(ACCESS) + access_text(logins, service=service)),
                self._put(PASSWORDS, _text(lines) + self._own(PASSWORDS)),
                self._put(CONFIGURATION, self.configuration()),
            ]
        except OSError as error:
            raise CommandError(f"cannot write {self.folder}: {error.strerror or error}") from error
        return any(changed)

    def configuration(self) -> str:
        """What mosquitto.conf takes in by `include_dir`, or by copying it."""
        return _text(
            [
                "# By `kilowatch device export`: nobody without a login, and each login on its own topics alone.",
                "per_listener_settings false",
                "allow_anonymous false",
                f"password_file {self.folder.absolute() / PASSWORDS}",
                f"acl_file {self.folder.absolute() / ACCESS}",
            ]
        )

    def _service_line(self, service: ServiceLogin) -> list[str]:
        """The line of the service's login: the one that is there while its password is the same."""
        beginning, password = f"{service.username}:", service.password
        if password is None:
            return []
        for line in self._read(PASSWORDS).splitlines():
            if line.startswith(beginning) and is_right(password, kept=line.removeprefix(beginning)):
                return [line]
        return [f"{beginning}{hashed(password)}"]

    def _own(self, name: str) -> str:
        own = self._read(f"{name}{OWN}")
        return own if not own or own.endswith("\n") else f"{own}\n"

    def _read(self, name: str) -> str:
        with suppress(FileNotFoundError):
            return (self.folder / name).read_text("utf-8")
        return ""

    def forget(self) -> None:
        """Removes the snippet, so that the next `write` finds something new: mosquitto was not told of this one."""
        (self.folder / CONFIGURATION).unlink(missing_ok=True)

    def _put(self, name: str, text: str) -> bool:
        """Whether the file was another."""
        path = self.folder / name
        if path.exists() and self._read(name) == text:
            return False
        put_file(path, text)
        return True


def put_file(path: Path, text: str) -> None:
    """Puts a file in place at once, readable by the folder's owner alone: mosquitto reads as that one, not as root.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(text)
                file.flush()
                _make_ready(file.fileno(), folder=path.parent)
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from error


def _make_ready(file: int, *, folder: Path) -> None:
    """Gives a file that root has written to the folder's owner, and keeps it on the disk."""
    os.fchmod(file, _OWN_MODE)
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    os.fsync(file)


def access_text(logins: Iterable[Login], *, service: ServiceLogin) -> str:
    """The access file: the service's rules, and those of each device by its id and by each of its user names.

    A device that shows a certificate is known by its id, whichever secrets it has.
    """
    lines = list(_lines([service.username], service.rules))
    of_device = {login.rights.device_id: login.rights for login in logins}
    names = {device_id: [device_id] for device_id in of_device}
    for login in logins:
        if login.username != login.rights.device_id:
            names[login.rights.device_id].append(login.username)
    for device_id, rights in of_device.items():
        lines += _lines(names[device_id], rules_of(rights))
    return _text(lines)


def _lines(users: Iterable[str], rules: Sequence[AccessRule]) -> Iterator[str]:
    for user in users:
        yield f"user {user}"
        yield from (f"topic {_WORDS[rule.action]} {rule.topic}" for rule in rules)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Reload:
    """How a running mosquitto is told to read its files again: by its pid file, by a command, or not at all."""

    pid_file: Path | None = None
    command: str = ""

    def tell(self) -> None:
        """Tells it.

        Raises:
            CommandError: there is no such process, or the command fails.
        """
        if self.pid_file is not None:
            _hang_up(self.pid_file)
        if self.command:
            _run(self.command)


def _hang_up(pid_file: Path) -> None:
    try:
        os.kill(_process_in(pid_file), signal.SIGHUP)
    except (OSError, ValueError) as error:
        raise CommandError(f"mosquitto was not told: {pid_file} names no process that we may signal") from error


def _process_in(pid_file: Path) -> int:
    number = int(pid_file.read_text("ascii"))
    if number <= 1:  # 0 and below are groups, 1 is everybody's
        raise ValueError(number)
    return number


def _run(command: str) -> None:
    try:
        subprocess.run(shlex.split(command), check=True, timeout=_RELOAD_WITHIN_S, stdin=subprocess.DEVNULL)  # noqa: S603 - the owner's own setting
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise CommandError(f"mosquitto was not told: KILOWATCH_MOSQUITTO_RELOAD failed ({error})") from error
