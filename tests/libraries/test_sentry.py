"""Promises for Sentry: the ID that a client quotes finds the event, and a crash is one event."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, abort, before_render_template, got_request_exception, request_started
from werkzeug.exceptions import NotFound, ServiceUnavailable

from flask_apierrors._core.first_request import meet_libraries
from flask_apierrors._libraries import sentry
from tests.core.failing import make


class Lost(Exception):
    pass


class Sent(list[Any]):
    """What Sentry's SDK would send."""

    @property
    def events(self) -> list[Any]:
        return [item for item in self if item.get("type") != "transaction"]

    @property
    def transactions(self) -> list[Any]:
        return [item for item in self if item.get("type") == "transaction"]


@pytest.fixture(scope="module")
def transport() -> Iterator[Sent]:
    """Sentry's SDK, which sends to a list."""
    loaded = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        # Sentry replaces these, and does not put them back.
        patch.setattr(Flask, "__call__", Flask.__call__)
        patch.setattr(logging.Logger, "callHandlers", logging.Logger.callHandlers)
        import sentry_sdk
        from sentry_sdk.integrations import flask as integration
        from sentry_sdk.integrations.dedupe import DedupeIntegration
        from sentry_sdk.integrations.flask import FlaskIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
        from sentry_sdk.transport import Transport

        sent = Sent()

        class Memory(Transport):
            def capture_envelope(self, envelope: Any) -> None:
                sent.extend(item.payload.json for item in envelope.items)

        sentry_sdk.init(
            "https://key@sentry.example/1",
            transport=Memory,
            traces_sample_rate=1.0,
            default_integrations=False,
            auto_session_tracking=False,
            integrations=[FlaskIntegration(), LoggingIntegration(), DedupeIntegration()],
        )
        yield sent
        sentry_sdk.init()
        # These keep the requests of later tests.
        before_render_template.disconnect(integration._add_sentry_trace)
        request_started.disconnect(integration._request_started)
        got_request_exception.disconnect(integration._capture_exception)
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


@pytest.fixture
def sent(transport: Sent) -> Sent:
    transport.clear()
    return transport


def crash() -> None:
    raise Lost


def request_id_of(app: Flask, **headers: str) -> str:
    """Send a request. Return the ID that its client can quote."""
    return app.test_client().get("/x", headers=headers).headers["X-Request-ID"]


@pytest.mark.parametrize("headers", [{}, {"X-Request-ID": "r-1"}])
def test_the_id_in_the_response_finds_the_event(sent: Sent, headers: dict[str, str]) -> None:
    identifier = request_id_of(make(crash)[0], **headers)
    (event,) = sent.events
    assert event["tags"]["request_id"] == identifier
    assert [exc["type"] for exc in event["exception"]["values"]] == ["Lost"]


def test_a_crash_that_became_a_503_is_one_event(sent: Sent) -> None:
    app, errors = make(crash)
    errors.convert(Lost, to=ServiceUnavailable)
    identifier = request_id_of(app)
    (event,) = sent.events
    assert event["tags"]["request_id"] == identifier
    assert event["exception"]["values"][0]["type"] == "Lost"
    assert event["exception"]["values"][0]["mechanism"] == {"type": "flask", "handled": False}


@pytest.mark.parametrize(
    "view", [lambda: "ok", lambda: abort(404), lambda: abort(503), lambda: ({"error": "no"}, 409)]
)
def test_what_is_no_crash_is_no_event(sent: Sent, view: Any) -> None:
    request_id_of(make(view)[0])
    assert not sent.events


def test_an_exception_that_became_a_404_is_no_event(sent: Sent) -> None:
    app, errors = make(crash)
    errors.convert(Lost, to=NotFound)
    request_id_of(app)
    assert not sent.events


@pytest.mark.parametrize("view", [lambda: "ok", lambda: abort(404), crash])
def test_the_id_finds_the_transaction(sent: Sent, view: Any) -> None:
    identifier = request_id_of(make(view)[0])
    (transaction,) = sent.transactions
    assert transaction["tags"]["request_id"] == identifier


def test_an_event_from_a_view_has_the_id(sent: Sent) -> None:
    import sentry_sdk

    def view() -> str:
        sentry_sdk.capture_message("the store is slow")
        return "ok"

    identifier = request_id_of(make(view)[0])
    (event,) = sent.events
    assert (event["message"], event["tags"]["request_id"]) == ("the store is slow", identifier)


def test_an_event_outside_a_request_has_no_id(sent: Sent) -> None:
    import sentry_sdk

    request_id_of(make()[0])
    sentry_sdk.capture_message("tidying up")
    (event,) = sent.events
    assert "request_id" not in event.get("tags", {})


def test_a_tag_of_the_authors_is_kept(sent: Sent) -> None:
    import sentry_sdk

    def view() -> None:
        sentry_sdk.set_tag("request_id", "own")
        raise Lost

    request_id_of(make(view)[0])
    (event,) = sent.events
    assert event["tags"]["request_id"] == "own"


def test_without_request_ids_nothing_is_tagged(sent: Sent) -> None:
    make(crash, APIERRORS_REQUEST_ID_HEADER=None)[0].test_client().get("/x")
    for item in (*sent.events, *sent.transactions):
        assert "request_id" not in item.get("tags", {})


def test_a_second_call_and_a_second_app_change_nothing(sent: Sent) -> None:
    for app in (make(crash)[0], make(crash)[0]):
        for _ in range(2):
            meet_libraries(app, app.extensions["apierrors"])
        assert app.teardown_request_funcs[None].count(sentry._tag_transaction) == 1


def test_without_transactions_a_request_is_answered(sent: Sent) -> None:
    import sentry_sdk

    app, _ = make()
    with sentry_sdk.isolation_scope(), app.test_request_context("/x"):
        meet_libraries(app, app.extensions["apierrors"])
        assert app.full_dispatch_request().data == b"ok"
    assert not sent


def test_a_sentry_of_another_kind_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = make()
    for module in (types.ModuleType("sentry_sdk"), None):
        monkeypatch.setitem(sys.modules, "sentry_sdk", module)
        meet_libraries(app, app.extensions["apierrors"])
    assert sentry._tag_transaction not in app.teardown_request_funcs.get(None, [])
