"""Turns an installed Python environment into a private Postgres and a private MQTT broker on loopback.

In: a data folder and a few settings. Out: a DATABASE_URL and an MQTT_URL that stay the same over restarts.
Only the composition root (`kilowatch`) and tests import it. POSIX only.
"""
