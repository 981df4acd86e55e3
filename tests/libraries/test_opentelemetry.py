"""Promises for OpenTelemetry: the ID that a client quotes finds the span, which names its error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, abort, request
from flask.signals import got_request_exception
from werkzeug.exceptions import NotFound, ServiceUnavailable

from flask_apierrors import error_answered, request_id
from flask_apierrors._core.first_request import meet_libraries
from flask_apierrors._libraries import opentelemetry
from tests.core.failing import make

Trace = Callable[..., Any]
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}


class Lost(Exception):
    pass


@pytest.fixture(scope="module", params=["", "http"], ids=["old names", "stable names"])
def trace(request: pytest.FixtureRequest) -> Iterator[Trace]:
    """Sends a request to an instrumented app. Returns the response and the span."""
    loaded = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", request.param)
        from opentelemetry.instrumentation.flask import FlaskInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        instrumentor: Any = FlaskInstrumentor()
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))

        def send(app: Flask, path: str = "/x", **headers: str) -> Any:
            if not getattr(app, "_is_instrumented_by_opentelemetry", False):
                instrumentor.instrument_app(app, tracer_provider=provider)
            exporter.clear()
            response = app.test_client().get(path, headers=headers)
            (span,) = exporter.get_finished_spans()
            return response, span

        yield send
    error_answered.disconnect(opentelemetry._keep_error)
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


def crash() -> None:
    raise Lost


@pytest.mark.parametrize("view", [lambda: "ok", lambda: abort(409), crash])
def test_the_request_id_is_that_of_the_active_trace(trace: Trace, view: Any) -> None:
    response, span = trace(make(view)[0])
    assert response.headers["X-Request-ID"] == f"{span.context.trace_id:032x}"
    assert span.attributes["request_id"] == response.headers["X-Request-ID"]


def test_a_trace_that_the_client_began_goes_on(trace: Trace) -> None:
    response, span = trace(make()[0], **TRACEPARENT)
    assert response.headers["X-Request-ID"] == f"{span.context.trace_id:032x}" == TRACE_ID


@pytest.mark.parametrize("view", [lambda: "ok", lambda: abort(409), crash])
def test_an_id_of_the_clients_or_the_authors_finds_the_span_too(trace: Trace, view: Any) -> None:
    response, span = trace(make(view)[0], **{"X-Request-ID": "r-1"})
    assert span.attributes["request_id"] == response.headers["X-Request-ID"] == "r-1"
    app, errors = make(view)
    errors.request_id_from(lambda: "own")
    response, span = trace(app, **{"X-Request-ID": "r-1"})
    assert span.attributes["request_id"] == response.headers["X-Request-ID"] == "own"


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (lambda: abort(409), "conflict"),
        (lambda: ({"message": "no"}, 404), "not-found"),
        (lambda: abort(503), "service-unavailable"),
        (crash, "internal-server-error"),
    ],
)
def test_the_type_of_an_error_is_its_code(trace: Trace, view: Any, code: str) -> None:
    _, span = trace(make(view)[0])
    assert span.attributes["error.type"] == code


def test_a_success_has_no_type_of_error(trace: Trace) -> None:
    _, span = trace(make()[0])
    assert "error.type" not in span.attributes


def test_a_span_has_the_exception_of_a_crash_once(trace: Trace) -> None:
    _, span = trace(make(crash)[0])
    assert [event.attributes["exception.type"].split(".")[-1] for event in span.events] == ["Lost"]
    assert not span.status.is_ok


@pytest.mark.parametrize(("to", "exceptions"), [(ServiceUnavailable, ["Lost"]), (NotFound, [])])
def test_a_span_has_the_exception_that_became_a_5xx(
    trace: Trace, to: Any, exceptions: list[str]
) -> None:
    app, errors = make(crash)
    errors.convert(Lost, to=to)
    _, span = trace(app)
    names = [event.attributes["exception.type"].split(".")[-1] for event in span.events]
    assert names == exceptions


def test_an_exception_that_the_author_records_is_there_once(trace: Trace) -> None:
    app, errors = make(crash)
    errors.convert(Lost, to=ServiceUnavailable)

    def record(sender: Flask, exception: BaseException, **_: Any) -> None:
        sys.modules["opentelemetry.trace"].get_current_span().record_exception(exception)

    with got_request_exception.connected_to(record, app):
        _, span = trace(app)
    assert len(span.events) == 1


@pytest.mark.parametrize("view", [lambda: abort(404), lambda: abort(503), lambda: ("", 502)])
def test_a_deliberate_error_is_no_exception_of_the_span(trace: Trace, view: Any) -> None:
    _, span = trace(make(view)[0])
    assert not span.events


def test_without_request_ids_the_span_has_none(trace: Trace) -> None:
    response, span = trace(make(lambda: abort(404), APIERRORS_REQUEST_ID_HEADER=None)[0])
    assert "X-Request-ID" not in response.headers
    assert "request_id" not in span.attributes
    assert span.attributes["error.type"] == "not-found"


def test_without_an_active_trace_the_id_is_that_of_the_header(trace: Trace) -> None:
    app, _ = make(lambda: abort(404))
    client = app.test_client()
    assert client.get("/x", headers=TRACEPARENT).headers["X-Request-ID"] == TRACE_ID
    assert len(client.get("/x").headers["X-Request-ID"]) == 32


def test_a_record_of_the_log_has_the_id_of_the_trace(
    trace: Trace, caplog: pytest.LogCaptureFixture
) -> None:
    response, _ = trace(make(crash)[0])
    (record,) = caplog.records
    assert record.request_id == response.headers["X-Request-ID"]  # type: ignore[attr-defined]


def test_a_view_reads_the_id_of_the_trace(trace: Trace) -> None:
    response, span = trace(make(lambda: {"id": request_id()})[0])
    assert response.get_json() == {"id": f"{span.context.trace_id:032x}"}


def test_a_request_does_not_keep_its_exception(trace: Trace) -> None:
    app, errors = make(crash)
    errors.convert(Lost, to=ServiceUnavailable)
    requests: list[Any] = []
    app.before_request(lambda: requests.append(request._get_current_object()))  # type: ignore[attr-defined]
    trace(app)
    assert not hasattr(requests[0], opentelemetry._ERROR)


def test_a_second_call_changes_nothing(trace: Trace) -> None:
    app, _ = make(lambda: abort(404))
    state = app.extensions["apierrors"]
    meet_libraries(app, state)
    meet_libraries(app, state)
    assert app.teardown_request_funcs[None].count(opentelemetry._describe_span) == 1


@pytest.mark.usefixtures("without_opentelemetry")
def test_an_app_that_nothing_traces_pays_nothing() -> None:
    import opentelemetry.trace  # as the driver of Redis does

    app, _ = make(lambda: abort(404))
    app.test_client().get("/x")
    assert app.extensions["apierrors"].trace_id is None
    assert not error_answered.receivers
    assert opentelemetry.trace
