"""Panels and spans come in, bytes of CSV, JSON lines or Parquet go out; the command line and the web import it."""
