"""A real browser, and apps that it can reach."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from werkzeug.serving import make_server

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

        def serve(app: Flask) -> str:
            server = make_server("127.0.0.1", 0, app, threaded=True)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            for end in (server.server_close, thread.join, server.shutdown):
                stack.callback(end)
            return f"http://127.0.0.1:{server.port}"

        yield serve


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
