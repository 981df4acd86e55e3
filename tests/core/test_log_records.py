"""Promises of log records: each names its request, and no client writes a line of its own."""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.config
import logging.handlers
import os
import pickle
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort

from flask_apierrors import ApiErrors
from flask_apierrors._core.log_records import PackageLogger, RequestRecord, use_request_records
from tests.core.failing import make, raiser

FORMAT = "%(levelname)s [%(request_id)s] %(message)s"
ID = {"X-Request-ID": "r-1"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the root logger writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def factory() -> Iterator[Callable[[Any], None]]:
    """Sets a factory of records for one test."""
    before = logging.getLogRecordFactory()
    yield logging.setLogRecordFactory
    logging.setLogRecordFactory(before)


def logging_app(write: Callable[[], Any]) -> Flask:
    def view() -> str:
        write()
        return ""

    return make(view)[0]


# -- the request ID


def test_records_of_every_logger_have_the_id_of_their_request(log: io.StringIO) -> None:
    app = logging_app(lambda: logging.getLogger("shop.orders").warning("ordered"))
    app.test_client().get("/x", headers=ID)
    logging.getLogger("shop.orders").warning("outside")
    assert log.getvalue() == "WARNING [r-1] ordered\nWARNING [-] outside\n"


def test_an_id_of_the_authors_wins(log: io.StringIO) -> None:
    app = logging_app(lambda: app.logger.warning("w", extra={"request_id": "own", "user": "Ann"}))
    app.test_client().get("/x", headers=ID)
    assert log.getvalue() == "WARNING [own] w\n"


@pytest.mark.parametrize("style", ["%", "{", "$"])
def test_every_style_of_a_format_has_the_id(style: Any) -> None:
    use_request_records()
    record = logging.getLogger("a").makeRecord("a", 30, "p", 1, "hi", (), None)
    text = {"%": "%(request_id)s", "{": "{request_id}", "$": "${request_id}"}[style]
    assert logging.Formatter(text, style=style).format(record) == "-"


def test_a_filter_reads_the_id_before_the_record_is_formatted() -> None:
    ids: list[str] = []

    class Reader(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            ids.append(record.request_id)  # type: ignore[attr-defined]
            return True

    app = logging_app(lambda: app.logger.warning("w"))
    app.logger.addFilter(Reader())
    app.test_client().get("/x", headers=ID)
    assert ids == ["r-1"]


def test_a_record_has_no_other_attributes_that_logging_does_not_make() -> None:
    use_request_records()
    record = logging.getLogger("a").makeRecord("a", 30, "p", 1, "hi", (), None)
    assert not hasattr(record, "user")
    assert record.getMessage() == "hi"
    usual = set(vars(logging.LogRecord("a", 30, "p", 1, "hi", (), None)))
    assert set(vars(record)) - usual == {"request_id"}


def test_a_record_that_is_formatted_later_keeps_the_id_of_its_request() -> None:
    waiting = logging.handlers.MemoryHandler(10)
    app = logging_app(lambda: app.logger.warning("w"))
    app.logger.addHandler(waiting)
    app.test_client().get("/x", headers=ID)
    with app.test_request_context(headers={"X-Request-ID": "another"}):
        assert [logging.Formatter(FORMAT).format(record) for record in waiting.buffer] == [
            "WARNING [r-1] w"
        ]


def test_a_record_passes_queues_and_pickles() -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    app = logging_app(lambda: app.logger.warning("w"))
    app.logger.addHandler(logging.handlers.QueueHandler(records))
    app.test_client().get("/x", headers=ID)
    record = records.get_nowait()
    for twin in (record, copy.copy(record), pickle.loads(pickle.dumps(record))):
        assert isinstance(twin, RequestRecord)
        assert logging.Formatter(FORMAT).format(twin) == "WARNING [r-1] w"
    received = logging.makeLogRecord(json.loads(json.dumps(vars(record))))
    assert logging.Formatter(FORMAT).format(received) == "WARNING [r-1] w"


def test_another_factory_keeps_its_records(
    factory: Callable[[Any], None], log: io.StringIO
) -> None:
    class Shouting(logging.LogRecord):
        def getMessage(self) -> str:
            return super().getMessage().upper()

    factory(Shouting)
    app = logging_app(lambda: app.logger.warning("w"))
    for _ in range(2):
        app.test_client().get("/x", headers=ID)
    assert log.getvalue() == "WARNING [r-1] W\n" * 2


def test_a_factory_that_is_set_later_can_call_ours(
    factory: Callable[[Any], None], log: io.StringIO
) -> None:
    use_request_records()
    inner = logging.getLogRecordFactory()
    factory(lambda *args, **options: inner(*args, **options))
    app = logging_app(lambda: app.logger.warning("w"))
    app.test_client().get("/x", headers=ID)
    assert log.getvalue() == "WARNING [r-1] w\n"


def test_an_app_without_the_extension_can_log(log: io.StringIO) -> None:
    use_request_records()
    app = Flask(__name__)
    app.add_url_rule("/", "index", lambda: app.logger.warning("w") or "")  # type: ignore[func-returns-value]
    app.test_client().get("/", headers=ID)
    assert log.getvalue() == "WARNING [-] w\n"


# -- the record of a crash


@pytest.mark.parametrize("exc", [RuntimeError("boom"), pytest.param(None, id="abort(500)")])
def test_the_message_of_a_crash_has_the_id_in_every_format(
    caplog: pytest.LogCaptureFixture, exc: Exception | None
) -> None:
    app, _ = make(raiser(exc) if exc else lambda: abort(500))
    response = app.test_client().get("/x")
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == f"Exception on /x [GET] (request ID {response.headers['X-Request-ID']})"


def test_without_ids_the_message_of_a_crash_is_flasks(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = make(raiser(RuntimeError("boom")), APIERRORS_REQUEST_ID_HEADER=None)
    app.test_client().get("/x")
    assert [record.getMessage() for record in caplog.records] == ["Exception on /x [GET]"]


def test_an_answer_that_fails_has_the_id_in_its_message(caplog: pytest.LogCaptureFixture) -> None:
    app, errors = make()
    errors.format(lambda problem: {"error": 1 / 0})
    app.test_client().get("/no", headers=ID)
    assert [record.getMessage() for record in caplog.records] == [
        "Answering /no [GET] failed (request ID r-1)"
    ]


def test_a_message_of_the_authors_is_not_touched(caplog: pytest.LogCaptureFixture) -> None:
    app = logging_app(lambda: app.logger.error("Exception on %s", "x", exc_info=ValueError()))
    app.test_client().get("/x", headers=ID)
    assert caplog.records[0].getMessage() == "Exception on x"


@pytest.mark.standard("log-injection")
@pytest.mark.parametrize("view", [lambda x: abort(500), lambda x: 1 / 0])
def test_a_path_begins_no_line_of_the_log(log: io.StringIO, view: Any) -> None:
    app, _ = make()
    app.add_url_rule("/f/<x>", "f", view)
    for path in ("a%0AERROR%20forged%1B%5B2J", "%E2%80%A8b", "a%25s%0D", "é"):
        app.test_client().get(f"/f/{path}", headers=ID)
    heads = [line for line in log.getvalue().splitlines() if "r-1" in line]
    assert heads == [
        f"ERROR [r-1] Exception on /f/{path} [GET] (request ID r-1)"
        for path in (r"a\nERROR forged\x1b[2J", r"\u2028b", r"a%s\r", "é")
    ]
    assert "\nERROR forged" not in log.getvalue()


# -- logging that is configured later


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    loggers = [logger for logger in root.manager.loggerDict.values() if hasattr(logger, "disabled")]
    disabled = [logger.disabled for logger in loggers]
    yield
    root.handlers[:], root.level = handlers, level
    for logger, before in zip(loggers, disabled, strict=True):
        logger.disabled = before


@pytest.mark.usefixtures("restored")
def test_logging_that_is_configured_after_init_app_shows_every_crash() -> None:
    stream = io.StringIO()
    app = Flask("configures_logging_late")
    ApiErrors(app)
    app.add_url_rule("/x", view_func=raiser(RuntimeError("boom")))
    handler = {"class": "logging.StreamHandler", "stream": stream}
    logging.config.dictConfig(
        {"version": 1, "handlers": {"h": handler}, "root": {"handlers": ["h"]}}
    )
    app.test_client().get("/x")
    assert "RuntimeError: boom" in stream.getvalue()


LOGGERS = """
import logging
from flask import Flask
from flask_apierrors import ApiErrors, rate_limit

app = Flask("shop")
ApiErrors(app)
app.add_url_rule("/", "index", rate_limit("1/day")(lambda: ""))
app.test_client().get("/")
names = set(logging.getLogger().manager.loggerDict)
print(*names & {"flask_apierrors", "shop"})
"""


def test_no_logger_is_made_before_there_is_something_to_log() -> None:
    command = [sys.executable, "-c", LOGGERS]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == []


def test_the_logger_of_the_package_is_the_one_of_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    PackageLogger().warning("a warning")
    assert [record.name for record in caplog.records] == ["flask_apierrors"]


# -- a crash is logged once, however logging is configured

CRASHING = """
import logging
from logging.config import dictConfig
from flask import Flask
from flask.logging import default_handler
from flask_apierrors import ApiErrors

FORMAT = "%(levelname)s [%(request_id)s] %(message)s"
HANDLER = {{"class": "logging.StreamHandler", "formatter": "f"}}
CONFIG = {{
    "version": 1, "formatters": {{"f": {{"format": FORMAT}}}},
    "handlers": {{"h": HANDLER}}, "root": {{"handlers": ["h"]}},
}}
{before}
app = Flask("shop")
ApiErrors(app)
{after}
app.add_url_rule("/x", "x", lambda: 1 / 0)
"""
SETUPS = {
    "basicConfig before": ("logging.basicConfig(format=FORMAT)", ""),
    "basicConfig after": ("", "logging.basicConfig(format=FORMAT)"),
    "dictConfig before": ("dictConfig(CONFIG)", ""),
    "dictConfig after": ("", "dictConfig(CONFIG)"),
    "Flask's handler": ("", "default_handler.setFormatter(logging.Formatter(FORMAT))"),
}
SEND = "\napp.test_client().get('/x', headers={'X-Request-ID': 'r-1'})"


@pytest.mark.parametrize("setup", SETUPS)
def test_a_crash_is_logged_once_with_its_id(setup: str) -> None:
    before, after = SETUPS[setup]
    command = [sys.executable, "-c", CRASHING.format(before=before, after=after) + SEND]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = run.stderr.splitlines()
    assert lines[0] == "ERROR [r-1] Exception on /x [GET] (request ID r-1)"
    assert lines.count("ZeroDivisionError: division by zero") == 1


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs a Unix socket")
def test_gunicorn_logs_a_crash_once_with_its_id(tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    before, after = SETUPS["dictConfig before"]
    (tmp_path / "shop.py").write_text(CRASHING.format(before=before, after=after))
    command = [sys.executable, "-m", "gunicorn", "--bind", "unix:s", "shop:app"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    server = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        answer = send(tmp_path / "s", b"GET /x HTTP/1.0\r\nX-Request-ID: r-1\r\n\r\n")
    finally:
        server.terminate()
        _, log = server.communicate(timeout=30)
    assert b"\r\nX-Request-ID: r-1\r\n" in answer
    assert log.count("ERROR [r-1] Exception on /x [GET] (request ID r-1)\n") == 1
    assert log.count("ZeroDivisionError: division by zero") == 1


def send(path: Path, request: bytes) -> bytes:
    """Send a request to a Unix socket, as soon as a server listens there."""
    deadline = time.monotonic() + 30
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(path))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
                continue
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(4096), b""))
