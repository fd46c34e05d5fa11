"""Turns settings into the ways by which people can be written to, without what writes to them."""

from kilowatch.settings import Settings
from metering.contacts import Channel


def channels(settings: Settings) -> frozenset[Channel]:
    """Mail and text messages, as far as they are set up."""
    given = {Channel.MAIL: settings.mail_url, Channel.SMS: settings.sms_url}
    return frozenset(channel for channel, url in given.items() if url)
