"""Turns what phone networks share into how many one-time codes one network is sent."""

from typing import Final

CODES_PER_HOUR: Final = 60
"""To one network in an hour, unless a server says otherwise: a mobile carrier puts thousands behind one address."""
