"""Names why a websocket is closed, and counts those that an account has open."""

from collections import Counter
from dataclasses import dataclass, field

MAX_CONNECTIONS = 200

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


@dataclass(frozen=True, slots=True)
class Connections:
    """The open websockets of one process, by account; each account may have so many."""

    most: int
    open: Counter[int] = field(default_factory=Counter[int])

    def enter(self, account_id: int) -> None:
        """Counts one more.

        Raises:
            ConversationOverError: the account has as many as it may.
        """
        if self.open[account_id] >= self.most:
            text = f"TOO_MANY_SUBSCRIPTIONS: an account may have {self.most} websockets."
            raise ConversationOverError(TOO_MANY_CONNECTIONS, text)
        self.open[account_id] += 1

    def leave(self, account_id: int) -> None:
        """Counts one less."""
        self.open[account_id] -= 1
        if not self.open[account_id]:
            del self.open[account_id]
