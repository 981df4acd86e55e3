"""The pytest plugin: ``--apierrors-record`` and the fixture ``recorded_errors``."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request_started

from .._core.errors import Problem
from .._core.signals import error_answered
from .recording import Recording, record

_OUTPUT = "apierrors"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("flask_apierrors")
    group.addoption(
        "--apierrors-record",
        action="store_true",
        help="record the errors that apps answer, and fail if a catalogue does not know one",
    )
    group.addoption(
        "--apierrors-json", metavar="FILE", type=Path, help="write what was recorded to a file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record if the options ask for it."""
    path = config.getoption("--apierrors-json")
    if path is not None or config.getoption("--apierrors-record"):
        config.pluginmanager.register(_Recorder(path), "apierrors-recorder")


@pytest.fixture
def recorded_errors(app: Flask) -> Iterator[Recording]:
    """Record what the app of your fixture ``app`` answers in one test."""
    with record(app) as recording:
        recording.learn(app)
        yield recording


class _Recorder:
    """Records a whole run, in this process and in those of pytest-xdist."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._recording = Recording()
        self._apps: weakref.WeakSet[Flask] = weakref.WeakSet()
        request_started.connect(self._meet)
        error_answered.connect(self._receive)

    def _meet(self, app: Flask, **_: Any) -> None:
        if app not in self._apps and "apierrors" in app.extensions:
            self._apps.add(app)
            self._recording.learn(app)

    def _receive(self, app: Flask, *, problem: Problem, **_: Any) -> None:
        self._recording.add(problem)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the recording of a process of pytest-xdist."""
        self._recording.merge(getattr(node, "workeroutput", {}).get(_OUTPUT, _EMPTY))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the recording over, or fail for what a catalogue does not know."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = self._recording.to_dict()
            return
        if self._path is not None:
            self._path.write_text(json.dumps(self._recording.to_dict(), indent=2), "utf-8")
        if self._recording.undeclared and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("errors of the API")
        terminalreporter.write_line(str(self._recording))
        for seen in self._recording.undeclared:
            terminalreporter.write_line(
                f"Not in the catalogue: {seen.status} {seen.code} at {seen.method} "
                f"{seen.endpoint or 'a URL without an endpoint'}. Declare it with @raises.",
                red=True,
            )


_EMPTY = Recording().to_dict()
