"""Turns a rumqttd configuration file into a running broker that ends when its standard input closes.

Run as a script by `broker.py`: rumqttd has no shutdown call, so it needs a process of its own.
"""

import logging
import os
import sys
import threading

from iotcore import IotCoreBroker


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(config_path: str) -> None:
    """Serves until ended. rumqttd 0.20 logs an ERROR for each packet it routes, hence the silence."""
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    IotCoreBroker(config_path=config_path).run_forever()


if __name__ == "__main__":
    main(sys.argv[1])
