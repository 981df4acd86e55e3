from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response, abort, request_finished
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.wsgi import ClosingIterator

from flask_apierrors import ApiErrors, produces, rate_limit, requires_auth
from flask_apierrors._core.ready_response import (
    ReadyResponse,
    add_fields,
    field_of,
    is_error,
    is_ready,
    is_whole,
    status_of,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Change = Callable[[Response], Response]
Sent = tuple[bytes, str, list[tuple[str, str]]]
"""Body, status line, header fields."""

FIELDS = (("Content-Type", "application/json"), ("Vary", "Accept"))
BODY = b'{"error":"Gone."}\n'


def sent(response: Response, method: str = "GET") -> Sent:
    body, status, headers = run_wsgi_app(
        response, create_environ("/", method=method), buffered=True
    )
    return b"".join(body), status, sorted(headers)


def ready() -> ReadyResponse:
    return ReadyResponse(BODY, "410 GONE", FIELDS)


def usual() -> Response:
    return Response(BODY, "410 GONE", FIELDS)


def unchanged(response: Response) -> Response:
    return response


def with_header(response: Response) -> Response:
    response.headers["Server-Timing"] = "total;dur=1"
    return response


def with_less(response: Response) -> Response:
    del response.headers["Vary"]
    return response


def with_other_value(response: Response) -> Response:
    response.headers["Vary"] = "*"
    return response


def without_length(response: Response) -> Response:
    del response.headers["Content-Length"]
    return response


def with_other_headers(response: Response) -> Response:
    response.headers = Headers([("Content-Type", "text/plain")])
    return response


def with_data(response: Response) -> Response:
    response.set_data("äh")
    return response


def with_json_text(response: Response) -> Response:
    response.response = ["{", "}"]
    del response.headers["Content-Length"]
    return response


def with_generator(response: Response) -> Response:
    response.response = (part for part in (b"a", b"b"))
    del response.headers["Content-Length"]
    return response


def with_more_data(response: Response) -> Response:
    response.stream.write(b" ")
    return response


def with_status(response: Response) -> Response:
    response.status_code = 404
    return response


def with_status_line(response: Response) -> Response:
    response.status = "499 Client Closed Request"
    return response


def with_another_class(response: Response) -> Response:
    class Other(Response):
        pass

    converted = Other.force_type(response)
    assert isinstance(converted, Other)
    return converted


def with_passthrough(response: Response) -> Response:
    response.direct_passthrough = True
    return response


def without_content(response: Response) -> Response:
    response.status_code = 204
    return response


def with_a_look(response: Response) -> Response:
    assert response.headers.get("Content-Type") != "nothing"
    return response


def with_a_look_at_the_status(response: Response) -> Response:
    assert response.status_code >= 200
    return response


def with_a_callback(response: Response) -> Response:
    response.call_on_close(list)
    return response


def with_location(response: Response) -> Response:
    response.location = "/größe"
    return response


def with_cookie(response: Response) -> Response:
    response.set_cookie("seen", "1")
    return response


def with_etag(response: Response) -> Response:
    response.add_etag()
    response.make_conditional(create_environ("/"))
    return response


def with_copy(response: Response) -> Response:
    return with_header(copy.copy(response))


def with_pickle(response: Response) -> Response:
    unpickled: Response = pickle.loads(pickle.dumps(response))
    return unpickled


CHANGES: list[Change] = [
    unchanged,
    with_a_look,
    with_a_look_at_the_status,
    with_a_callback,
    with_header,
    with_less,
    with_other_value,
    without_length,
    with_other_headers,
    with_data,
    with_json_text,
    with_generator,
    with_more_data,
    with_status,
    with_status_line,
    with_another_class,
    with_passthrough,
    without_content,
    with_location,
    with_cookie,
    with_etag,
    with_copy,
    with_pickle,
]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("change", CHANGES)
def test_after_any_change_it_sends_the_same_as_flasks_own_response(
    change: Change, method: str
) -> None:
    assert sent(change(ready()), method) == sent(change(usual()), method)


def outcome(response: Response, changes: list[Change]) -> Sent | type[Exception]:
    try:
        for change in changes:
            response = change(response)
        return sent(response)
    except Exception as error:
        return type(error)


@given(st.lists(st.sampled_from(CHANGES), max_size=5))
def test_after_any_changes_in_any_order_it_sends_the_same_as_flasks_own_response(
    changes: list[Change],
) -> None:
    assert outcome(ready(), changes) == outcome(usual(), changes)


def test_a_callback_on_close_is_called_once_after_the_body() -> None:
    events: list[str] = []
    response = ready()
    response.call_on_close(lambda: events.append("closed"))
    chunks, _, _ = run_wsgi_app(response, create_environ("/"))
    assert (next(iter(chunks)), events) == (BODY, [])
    assert isinstance(chunks, ClosingIterator)
    chunks.close()
    assert events == ["closed"]


def test_its_attributes_are_those_of_flasks_response() -> None:
    response = ready()
    assert isinstance(response, Response)
    assert (response.status_code, response.get_json(), response.mimetype) == (
        410,
        {"error": "Gone."},
        "application/json",
    )
    assert response.content_length == len(BODY)


def test_it_can_be_sent_twice() -> None:
    response = ready()
    assert sent(response) == sent(response)


def test_a_server_can_change_the_list_of_headers_without_changing_the_response() -> None:
    response = ready()
    sent_headers = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        sent_headers.append(sorted(headers))
        headers.append(("Date", "today"))
        return bytes

    for _ in range(2):
        response(create_environ("/"), start_response)
    assert sent_headers[0] == sent_headers[1]


def test_it_has_no_further_attributes() -> None:
    with pytest.raises(AttributeError, match="'ReadyResponse' object has no attribute 'header'"):
        ready().header  # noqa: B018


def test_an_app_with_its_own_response_class_uses_it_for_errors() -> None:
    class Marked(Response):
        def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
            headers = super().get_wsgi_headers(environ)
            headers["X-Marked"] = "yes"
            return headers

    app = Flask("own")
    app.response_class = Marked
    ApiErrors(app)
    app.add_url_rule("/", "home", lambda: abort(410))
    response = app.test_client().get("/")
    assert (response.status_code, response.headers["X-Marked"]) == (410, "yes")


@pytest.mark.parametrize("name", ["Location", "Content-Location", "content-length"])
def test_werkzeug_sends_the_fields_that_it_completes(name: str) -> None:
    responses = (ready(), usual())
    for response in responses:
        response.headers.add(name, "/x y" if "ocation" in name else "3")
    assert sent(responses[0]) == sent(responses[1])


def look(response: Response) -> Response:
    response.status_code  # noqa: B018
    return response


@pytest.mark.parametrize("make", [ready, lambda: look(ready()), usual])
def test_fields_can_be_added_and_read_whether_it_is_ready_or_not(
    make: Callable[[], Response],
) -> None:
    response = make()
    was_ready = is_ready(response)
    add_fields(response, (("X-Own", "2"), ("Retry-After", "3")))
    assert (
        field_of(response, "x-own"),
        field_of(response, "retry-after"),
        field_of(response, "Age"),
    ) == ("2", "3", None)
    assert is_error(response)
    assert is_ready(response) == was_ready
    expected = usual()
    expected.headers.extend([("X-Own", "2"), ("Retry-After", "3")])
    assert sent(response) == sent(expected)


def test_a_field_that_is_added_to_a_copy_is_not_in_the_original() -> None:
    response = ready()
    add_fields(copy.copy(response), (("Age", "1"),))
    assert field_of(response, "Age") is None


def test_a_response_with_status_200_is_no_error() -> None:
    assert not is_error(Response("fine"))


def test_an_error_with_an_added_header_is_sent_without_werkzeugs_attributes() -> None:
    app = Flask("touched")
    ApiErrors(app)

    @app.after_request
    def add_header(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    are_whole: list[bool] = []
    with request_finished.connected_to(
        lambda app, response: are_whole.append(is_whole(response)), app
    ):
        response = app.test_client().get("/unknown")
    assert are_whole == [True]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Request-ID"]


def test_an_error_stays_ready_unless_an_author_changes_it() -> None:
    app = Flask("untouched")
    errors = ApiErrors(app)
    errors.verify_token(lambda token: None)
    app.add_url_rule("/private", "private", requires_auth(lambda: {}))
    app.add_url_rule(
        "/text", "text", produces("text/plain")(rate_limit("9/day")(lambda: abort(410)))
    )
    app.add_url_rule("/limited", "limited", rate_limit("1/day")(lambda: {}))
    stayed_ready = []
    with request_finished.connected_to(
        lambda app, response: stayed_ready.append(is_ready(response)), app
    ):
        client = app.test_client()
        responses = [
            client.get(path) for path in ("/unknown", "/private", "/text", "/limited", "/limited")
        ]
    assert [response.status_code for response in responses] == [404, 401, 410, 200, 429]
    assert stayed_ready == [True, True, True, False, True]
    assert [("RateLimit" in response.headers) for response in responses] == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_a_response_has_one_request_id_and_it_is_the_last_one() -> None:
    response = ReadyResponse(b"{}", "404 NOT FOUND", (("X-Own", "1"),))
    for identifier in ("first", "second"):
        response.identify("X-Request-ID", identifier)
        assert list(response.headers) == [
            ("X-Own", "1"),
            ("X-Request-ID", identifier),
            ("Content-Length", "2"),
        ]
        del response.headers


def test_the_status_of_an_unchanged_response_is_read_without_making_attributes() -> None:
    response = ReadyResponse(b"{}", "404 NOT FOUND", ())
    assert status_of(response) == 404
    assert is_ready(response)
    assert status_of(Response("no", 409)) == 409
