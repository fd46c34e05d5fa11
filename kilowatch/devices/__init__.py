"""Registered devices on the command line, and what brokers are told of them: in, rows of store; out, brokers' files."""
