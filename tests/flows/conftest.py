"""The browser, for flows that a person sees."""

from tests.dashboard.chromium import chromium

__all__ = ["chromium"]
