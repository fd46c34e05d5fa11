"""Names why a websocket is closed."""

MAX_CONNECTIONS = 200
"""Websockets of one account, or of everybody who has not signed in from one network."""

BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, NO_PROTOCOL = 4400, 4401, 4403, 4406
INIT_TIMEOUT, DUPLICATE_ID, SECOND_INIT, TOO_MANY_CONNECTIONS = 4408, 4409, 4429, 4430
TOO_BIG, TRY_AGAIN_LATER = 1009, 1013


class ConversationOverError(Exception):
    """The connection must be closed with a code that the protocol names, and a reason for people."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"{code} {reason}")

    @property
    def short_reason(self) -> str:
        """The reason as far as it fits: a close frame has room for 123 bytes."""
        return self.reason.encode()[:123].decode(errors="ignore")
