"""MQTT messages come in, committed readings and rejected messages go out; only kilowatch may import it."""
