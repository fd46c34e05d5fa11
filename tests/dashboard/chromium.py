"""Turns the Chromium of this machine into a headless browser for the tests."""

import shutil
from collections.abc import AsyncGenerator

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_INSTALL = "no Chromium on PATH; on Debian and Ubuntu: apt-get install chromium"
# As root there is no sandbox; the rest keeps the browser from calling home on its own account.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
async def chromium() -> AsyncGenerator[Browser]:
    """One browser for the run; a test opens its own context, which shares nothing with the others."""
    program = find_chromium()
    if program is None:
        pytest.skip(HOW_TO_INSTALL)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        await browser.close()
