"""Runs the command line as `python -m kilowatch`."""

from kilowatch.cli import main

main()
