"""The state of a request lasts as long as the request."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from flask import Flask

from flask_apierrors import ApiErrors
from flask_apierrors._core.state import (
    REQUEST_STATE,
    current_request,
    request_id,
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
        assert request_id(req, state.app) == request_id(req, state.app) == state.request_id


def test_requests_in_one_app_context_share_no_state() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    with app.app_context():
        ids = {app.test_client().get("/nope").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


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
