"""A real browser, and apps that it can reach."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.conftest import serving

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _program(*names: str) -> str:
    """Find a program by one of its names."""
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.exit(
            f"{names[0]} is not in the PATH. On Debian: apt-get install chromium chromium-driver",
            returncode=3,
        )
    return path


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Flask], str]]:
    """``serve(app)`` runs an app on a port of its own, and returns its address."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = _program("chromium", "chromium-browser", "google-chrome")
    for argument in (*_ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, ChromeService(_program("chromedriver")))
    yield driver
    driver.quit()


_FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(
    async response => done([response.status, await response.text()]),
    error => done([0, String(error)]),
);
"""


class Script:
    """A script on the page of one origin."""

    def __init__(self, browser: Chrome, origin: str) -> None:
        self._browser = browser
        self.origin = origin
        browser.set_script_timeout(10)

    def fetch(self, url: str, **options: Any) -> tuple[int, str]:
        """Return the status and the body that the script can read, or 0 and the error."""
        self._browser.get(self.origin)
        status, body = self._browser.execute_async_script(_FETCH, url, options)
        return status, body


@pytest.fixture(scope="session")
def script(browser: Chrome, serve: Callable[[Flask], str]) -> Script:
    site = Flask("site")
    site.add_url_rule("/", "page", lambda: "<title>Another origin</title>")
    return Script(browser, serve(site))
