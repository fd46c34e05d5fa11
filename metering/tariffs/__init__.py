"""Turns tariffs and energy into money, and money into energy credit, exactly."""
