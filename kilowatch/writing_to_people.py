"""Turns settings into how people are written to: which channels there are, and what sends by them."""

from kilowatch.settings import SettingError, Settings, variable
from metering.contacts import Channel
from notifications.apprise_sender import AppriseSender, BadTemplateError, check_template

_SETTINGS = {Channel.MAIL: "mail_url", Channel.SMS: "sms_url"}


def message_sender(settings: Settings) -> AppriseSender | None:
    """What sends mail and text messages; None where neither is set up.

    Raises:
        SettingError: Apprise takes no such address; the address itself is not repeated.
    """
    templates = {channel: getattr(settings, name) for channel, name in _SETTINGS.items() if getattr(settings, name)}
    for channel, template in templates.items():
        try:
            check_template(template, channel=channel)
        except BadTemplateError as error:
            raise SettingError(f"{variable(_SETTINGS[channel])} cannot be used: {error}") from error
    return AppriseSender(templates) if templates else None
