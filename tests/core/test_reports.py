"""Promises of reports: a crash is signaled and logged once, and no failing monitor harms it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort
from flask.signals import got_request_exception
from werkzeug.exceptions import ServiceUnavailable

from tests.core.failing import error_records, make, raiser


class Lost(Exception):
    pass


def test_the_signal_comes_before_the_log_as_in_flask(caplog: pytest.LogCaptureFixture) -> None:
    app, errors = make(raiser(Lost()))
    errors.convert(Lost, to=ServiceUnavailable)
    records: list[int] = []

    def receive(sender: Flask, **_: Any) -> None:
        records.append(len(error_records(caplog)))

    with got_request_exception.connected_to(receive, app):
        app.test_client().get("/x")
    assert records == [0]
    assert len(error_records(caplog)) == 1


def test_a_monitor_that_fails_takes_neither_the_log_nor_the_response(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    app, _ = make(lambda: abort(500))

    def fail(sender: Flask, **_: Any) -> None:
        raise Lost("monitor")

    with got_request_exception.connected_to(fail, app):
        assert app.test_client().get("/x").status_code == 500
    assert len(error_records(caplog)) == 1
    assert "Lost: monitor" in capsys.readouterr().err
