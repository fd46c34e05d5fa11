"""Turns HTTP requests into operations, and their results into responses and streams of events."""
