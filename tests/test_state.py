"""Promises of what is remembered: for one request, and never longer."""

from __future__ import annotations

from flask import Flask

from flask_apierrors import ApiErrors
from flask_apierrors.state import current_request, known_request_state, request_id, request_state


def test_the_state_of_a_request_is_made_when_it_is_asked_for_and_stays_the_same() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    with app.test_request_context():
        req = current_request()
        assert known_request_state(req) is None
        state = request_state(req)
        assert known_request_state(req) is state
        assert request_state(req) is state
        assert request_id(req) == request_id(req) == state.request_id


def test_requests_under_one_app_context_share_no_state() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    with app.app_context():
        ids = {app.test_client().get("/nope").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
