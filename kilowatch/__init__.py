"""Composition root: settings and commands come in, running processes go out; the only package that knows all others."""
