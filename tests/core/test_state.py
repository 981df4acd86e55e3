"""The state of a request lasts as long as the request."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from flask import Flask

from flask_apierrors import ApiErrors, request_id
from flask_apierrors._core.state import (
    REQUEST_STATE,
    current_request,
    request_id_of,
    request_state,
)


def test_a_request_has_one_state_which_is_created_on_demand() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    with app.test_request_context():
        req = current_request()
        assert getattr(req, REQUEST_STATE, None) is None
        state = request_state(req)
        assert getattr(req, REQUEST_STATE) is state
        assert request_state(req) is state
        assert request_id_of(req, state.app) == request_id_of(req, state.app)


def test_requests_in_one_app_context_share_no_state() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    with app.app_context():
        ids = {app.test_client().get("/nope").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


# -- the public request ID

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def id_app(**config: str | None) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    ApiErrors(app)
    app.add_url_rule("/", "index", lambda: {"id": request_id()})
    return app


def test_a_view_reads_the_id_that_its_response_has() -> None:
    response = id_app().test_client().get("/")
    assert response.get_json() == {"id": response.headers["X-Request-ID"]}


def test_there_is_no_id_outside_a_request_nor_in_another_app_nor_if_ids_are_off() -> None:
    assert request_id() is None
    with id_app().app_context():
        assert request_id() is None
    with Flask(__name__).test_request_context():
        assert request_id() is None
    with id_app(APIERRORS_REQUEST_ID_HEADER=None).test_request_context():
        assert request_id() is None


@pytest.mark.parametrize(
    ("headers", "identifier"),
    [
        ({"traceparent": TRACEPARENT}, "4bf92f3577b34da6a3ce929d0e0e4736"),
        ({"traceparent": TRACEPARENT, "X-Request-ID": "mine"}, "mine"),
        ({"traceparent": TRACEPARENT, "X-Request-ID": "a b"}, "4bf92f3577b34da6a3ce929d0e0e4736"),
    ],
)
def test_the_id_is_that_of_the_trace_unless_the_client_sends_another(
    headers: dict[str, str], identifier: str
) -> None:
    response = id_app().test_client().get("/", headers=headers)
    assert response.headers["X-Request-ID"] == response.get_json()["id"] == identifier


def test_an_invalid_traceparent_is_ignored() -> None:
    headers = {"traceparent": TRACEPARENT.replace("00-", "ff-", 1)}
    response = id_app().test_client().get("/", headers=headers)
    assert response.headers["X-Request-ID"] != "4bf92f3577b34da6a3ce929d0e0e4736"
    assert len(response.headers["X-Request-ID"]) == 32


FORKED = """
import os, random
from flask import Flask
from flask_apierrors import ApiErrors

app = Flask(__name__)
ApiErrors(app)
random.seed(1)
os.write(1, app.test_client().get("/nope").headers["X-Request-ID"].encode() + b"\\n")
child = os.fork()
os.write(1, app.test_client().get("/nope").headers["X-Request-ID"].encode() + b"\\n")
if child:
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_request_ids_differ_between_processes_and_their_forks() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    ids = [line for run in runs for line in run.stdout.split()]
    assert len(ids) == len(set(ids)) == 6
