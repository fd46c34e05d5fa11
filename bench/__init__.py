"""Benchmarks: each prints our figure beside a baseline or peer measured in the same run."""
