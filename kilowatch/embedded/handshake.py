"""Turns a port into whether an MQTT broker accepts clients there."""

import socket
import struct

_KEEPALIVE_S = 30


def accepts_clients(port: int, *, level: int, client_id: str, within_s: float) -> bool:
    """Whether 127.0.0.1:`port` answers a CONNECT with a CONNACK that welcomes; `level` is 5, or 4 for 3.1.1.

    The connection is just closed: after a DISCONNECT rumqttd 0.20 ends the connection twice, and the second time
    may hit another client's that took its slot meanwhile.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=within_s) as stream:
            stream.settimeout(within_s)
            stream.sendall(connect_packet(level=level, client_id=client_id.encode()))
            answer = stream.recv(4, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 4 and answer[0] == 0x20 and answer[3] == 0


def connect_packet(*, level: int, client_id: bytes) -> bytes:
    """A CONNECT with a clean start, no password and no will."""
    clean_start = 2
    variable = struct.pack(">H4sBBH", 4, b"MQTT", level, clean_start, _KEEPALIVE_S)
    properties = b"\x00" if level == 5 else b""
    body = variable + properties + struct.pack(">H", len(client_id)) + client_id
    return struct.pack(">BB", 0x10, len(body)) + body
