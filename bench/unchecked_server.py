"""Turns a database into a server without doors, for bench/access.py: `python -m bench.unchecked_server PORT URL`."""

from unittest import mock

from bench import server
from schema import contract


def main() -> None:
    with mock.patch.object(contract, "hold_rules"):
        server.main()


if __name__ == "__main__":
    main()
