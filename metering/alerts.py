"""Names what an alert can be about, how it stands, and on what it can reach a person."""

from enum import Enum


class AlertKind(Enum):
    """What a person is warned about."""

    LOW_UNITS = "LOW_UNITS"


class AlertState(Enum):
    """Whether the reason still holds."""

    OPEN = "OPEN"
    CLEARED = "CLEARED"


class PushPlatform(Enum):
    """What receives a push."""

    ANDROID = "ANDROID"
    IOS = "IOS"
    WEB = "WEB"
