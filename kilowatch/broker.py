"""Turns settings into who we are to the broker."""

from ingest.broker_address import BrokerAddress, BrokerCredentials
from kilowatch.settings import SettingError, Settings


def broker_credentials(settings: Settings) -> BrokerCredentials:
    """What is known of the broker beside its address.

    Raises:
        SettingError: files of TLS are named and the address is none of TLS, or a key without its certificate.
    """
    if settings.mqtt_key_file and not settings.mqtt_cert_file:
        raise SettingError("KILOWATCH_MQTT_KEY_FILE needs KILOWATCH_MQTT_CERT_FILE too")
    credentials = BrokerCredentials(
        username=settings.mqtt_username,
        password=settings.mqtt_password,
        ca_file=settings.mqtt_ca_file,
        cert_file=settings.mqtt_cert_file,
        key_file=settings.mqtt_key_file,
    )
    try:
        BrokerAddress.from_url(settings.mqtt_url, credentials=credentials)
    except ValueError as error:
        raise SettingError(str(error)) from None
    return credentials
