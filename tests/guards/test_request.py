from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Request, Response, jsonify, request
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.test import create_environ

from flask_apierrors import ApiErrors, consumes, requires_json
from flask_apierrors._guards.request import ApiRequest

CHUNKED: dict[str, Any] = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
TOO_LARGE = {"error": "The request body is larger than 1000 bytes."}


def add_readers(app: Flask) -> None:
    """Add a view for each way to read a request."""
    readers: dict[str, Callable[[], Any]] = {
        "/data": lambda: str(len(request.get_data())),
        "/text": lambda: request.get_data(as_text=True),
        "/property": lambda: str(len(request.data)),
        "/json": lambda: jsonify(request.get_json()),
        "/guarded": requires_json(lambda: jsonify(request.get_json())),
        "/csv": consumes("text/csv")(lambda: str(len(request.get_data()))),
        "/form": lambda: jsonify(request.form),
        "/files": lambda: jsonify(sorted(request.files)),
        "/values": lambda: jsonify(request.values),
        "/stream": lambda: str(len(request.stream.read())),
        "/pieces": lambda: str(sum(map(len, iter(lambda: request.stream.read(64), b"")))),
        "/lines": lambda: str(sum(map(len, request.stream))),
        "/args": lambda: jsonify(request.args),
        "/full-path": lambda: request.full_path,
    }
    for path, view in readers.items():
        app.add_url_rule(path, path, view, methods=["GET", "POST"])


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(MAX_CONTENT_LENGTH=1_000)
    add_readers(app)
    return app


def chunked(app: Flask, path: str, body: bytes, content_type: str) -> Any:
    return app.test_client().post(
        path, input_stream=io.BytesIO(body), content_type=content_type, environ_overrides=CHUNKED
    )


def error_of(response: Any) -> tuple[int, Any]:
    return response.status_code, response.get_json()


# -- 413, whoever reads the body

BODIES = {
    "/data": ("text/plain", b"a", b""),
    "/text": ("text/plain", b"a", b""),
    "/property": ("text/plain", b"a", b""),
    "/json": ("application/json", b'["', b'"]'),
    "/guarded": ("application/json", b'["', b'"]'),
    "/csv": ("text/csv", b"1,2\n", b""),
    "/form": (URLENCODED, b"log=", b""),
    "/values": (URLENCODED, b"log=", b""),
    "/files": (
        f"{MULTIPART}; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        b"\r\n--x--\r\n",
    ),
    "/stream": ("text/plain", b"", b""),
    "/pieces": ("text/plain", b"", b""),
    "/lines": ("text/plain", b"", b""),
}


@pytest.mark.parametrize("path", BODIES)
def test_a_chunked_body_over_the_limit_is_a_413_and_one_of_the_limit_is_taken(
    app: Flask, path: str
) -> None:
    content_type, start, end = BODIES[path]
    for size, status in ((1_000, 200), (1_001, 413), (300_000, 413)):
        body = start + b"a" * (size - len(start) - len(end)) + end
        response = chunked(app, path, body, content_type)
        assert response.status_code == status
        if status == 413:
            assert response.get_json() == TOO_LARGE


@pytest.mark.parametrize("path", BODIES)
def test_a_body_that_announces_more_than_the_limit_is_a_413(app: Flask, path: str) -> None:
    content_type, start, end = BODIES[path]
    response = app.test_client().post(
        path, data=start + b"a" * 1_001 + end, content_type=content_type
    )
    assert error_of(response) == (413, TOO_LARGE)


def test_the_limit_of_a_request_is_the_one_that_its_view_sets(app: Flask) -> None:
    if not hasattr(Request, "_max_content_length"):
        pytest.skip("the limit of one request is new in Flask 3.1")

    @app.post("/upload")
    def upload() -> str:
        request.max_content_length = 2_000
        return str(len(request.get_data()))

    assert chunked(app, "/upload", b"a" * 2_000, "text/plain").text == "2000"
    assert error_of(chunked(app, "/upload", b"a" * 2_001, "text/plain")) == (
        413,
        {"error": "The request body is larger than 2000 bytes."},
    )


# -- 400 for a body that ends early, 411 for one that is not handed over


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("more", [{}, {"wsgi.input_terminated": True}])
def test_a_body_shorter_than_announced_is_a_400_whoever_reads_it(
    app: Flask, path: str, more: dict[str, Any]
) -> None:
    content_type, start, end = BODIES[path]
    body = start + b"a" * 10 + end
    response = app.test_client().post(
        path,
        input_stream=io.BytesIO(body),
        content_type=content_type,
        environ_overrides={"CONTENT_LENGTH": str(len(body) + 1), **more},
    )
    assert error_of(response) == (
        400,
        {"error": "The request body is shorter than its Content-Length."},
    )


@pytest.mark.parametrize("path", BODIES)
def test_a_chunked_body_that_the_server_does_not_decode_is_a_411(app: Flask, path: str) -> None:
    response = app.test_client().post(
        path,
        input_stream=io.BytesIO(b"1\r\na\r\n0\r\n\r\n"),
        content_type=BODIES[path][0],
        environ_overrides={"HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert error_of(response) == (
        411,
        {"error": "The server cannot read a chunked body. Send a Content-Length header."},
    )


def test_an_author_sees_each_refusal_as_werkzeugs_class(app: Flask) -> None:
    @app.errorhandler(RequestEntityTooLarge)
    def handler(exc: RequestEntityTooLarge) -> tuple[str, int]:
        return "Mine.", 413

    response = chunked(app, "/data", b"a" * 1_001, "text/plain")
    assert (response.status_code, response.text) == (413, "Mine.")


# -- compressed bodies


@pytest.mark.standard("accept-encoding-on-415")
@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/json", "application/json", b'{"a": 1}'),
        ("/guarded", "application/json", b'{"a": 1}'),
        ("/form", URLENCODED, b"a=1"),
        (
            "/files",
            f"{MULTIPART}; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
        ),
    ],
)
@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("deflate, GZIP", zlib.compress)]
)
def test_a_compressed_body_is_a_415_that_names_what_is_accepted(
    app: Flask, path: str, content_type: str, body: bytes, coding: str, compress: Any
) -> None:
    response = app.test_client().post(
        path,
        data=compress(body),
        content_type=content_type,
        headers={"Content-Encoding": coding},
    )
    assert error_of(response) == (
        415,
        {"error": "Unsupported Content-Encoding. Send the body uncompressed."},
    )
    assert response.headers["Accept-Encoding"] == "identity"
    assert "Accept" not in response.headers


@pytest.mark.parametrize("coding", ["identity", "Identity, identity", ""])
def test_identity_is_no_coding(app: Flask, coding: str) -> None:
    client, headers = app.test_client(), {"Content-Encoding": coding}
    assert client.post("/json", json={"a": 1}, headers=headers).get_json() == {"a": 1}
    response = client.post("/json", data=b"{", content_type="application/json", headers=headers)
    assert response.status_code == 400


def test_a_body_that_was_decompressed_on_its_way_is_read(app: Flask) -> None:
    headers = {"Content-Encoding": "gzip"}
    client = app.test_client()
    assert client.post("/json", json={"a": 1}, headers=headers).get_json() == {"a": 1}
    assert client.post("/form", data={"a": "1"}, headers=headers).get_json() == {"a": "1"}


def test_a_view_can_decompress_a_body_itself(app: Flask) -> None:
    view = consumes("text/csv")(lambda: gzip.decompress(request.get_data()))
    app.add_url_rule("/gzip", view_func=view, methods=["POST"])
    response = app.test_client().post(
        "/gzip",
        data=gzip.compress(b"1,2\n"),
        content_type="text/csv",
        headers={"Content-Encoding": "gzip"},
    )
    assert response.data == b"1,2\n"


# -- queries


@pytest.mark.parametrize("path", ["/args", "/values", "/full-path"])
def test_a_query_that_is_not_utf_8_is_a_400(app: Flask, path: str) -> None:
    response = app.test_client().get(path, environ_overrides={"QUERY_STRING": "a=\xff"})
    assert error_of(response) == (400, {"error": "The query string is not UTF-8."})


@given(st.binary(max_size=30))
@example("a=é".encode())
def test_a_query_of_any_bytes_is_read_or_refused(query: bytes) -> None:
    app = Flask(__name__)
    ApiErrors(app)
    environ = create_environ(environ_overrides={"QUERY_STRING": query.decode("latin-1")})
    with app.request_context(environ):
        try:
            query.decode()
        except UnicodeDecodeError:
            with pytest.raises(HTTPException):
                _ = request.args
        else:
            assert request.args == Request(environ).args
            assert request.full_path == Request(environ).full_path


# -- forms


@pytest.mark.parametrize(
    ("content_type", "body", "problem"),
    [
        (MULTIPART, b"--x\r\n...", "the Content-Type header has no boundary"),
        (f"{MULTIPART}; boundary=", b"--x\r\n...", "the Content-Type header has no boundary"),
        (f"{MULTIPART}; boundary=x", b"--y\r\n...", "it cannot be parsed"),
        (f"{MULTIPART}; boundary=x", b"--x\r\nA: b\r\n\r\nc\r\n--x--", "it cannot be parsed"),
        (
            f"{MULTIPART}; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end',
            "it cannot be parsed",
        ),
        (f"{MULTIPART}; boundary=x\xe9", b"--x", "it cannot be parsed"),
        (URLENCODED, b"a=b&c=\xff", "it is not UTF-8 at byte 6"),
    ],
)
@pytest.mark.parametrize("path", ["/form", "/files", "/values", "/property"])
def test_a_form_that_cannot_be_parsed_is_not_an_empty_one(
    app: Flask, path: str, content_type: str, body: bytes, problem: str
) -> None:
    response = app.test_client().post(path, data=body, content_type=content_type)
    assert error_of(response) == (400, {"error": f"Malformed form: {problem}."})


@pytest.mark.parametrize("content_type", [MULTIPART, f"{MULTIPART}; boundary=x", URLENCODED])
def test_a_form_without_a_body_is_empty(app: Flask, content_type: str) -> None:
    for method in ("GET", "POST"):
        response = app.test_client().open("/form", method=method, content_type=content_type)
        assert (response.status_code, response.get_json()) == (200, {})


@given(st.binary(max_size=80), st.sampled_from([URLENCODED, f"{MULTIPART}; boundary=x"]))
@example(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--', MULTIPART)
@example(b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n", f"{MULTIPART}; boundary=x")
def test_a_form_of_any_bytes_is_read_or_refused(body: bytes, content_type: str) -> None:
    app = Flask(__name__)
    ApiErrors(app)
    app.add_url_rule("/", view_func=lambda: jsonify(request.form), methods=["POST"])
    response = app.test_client().post("/", data=body, content_type=content_type)
    assert response.status_code in (200, 400)
    assert response.is_json


@pytest.mark.skipif(
    "MAX_FORM_PARTS" not in Flask.default_config, reason="the keys are new in Flask 3.1"
)
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"a": "x" * 1_001}, "A field of the form is larger than 1000 bytes."),
        ({"a": "x" * 200_000}, "A field of the form is larger than 1000 bytes."),
        ({"a": "1", "b": "2", "c": "3", "d": "4"}, "The form has more than 3 parts."),
    ],
)
def test_a_413_of_a_form_names_the_limit_that_was_passed(
    make_app: Callable[..., Flask], data: dict[str, str], sentence: str
) -> None:
    app = make_app(MAX_FORM_MEMORY_SIZE=1_000, MAX_FORM_PARTS=3)
    add_readers(app)
    response = app.test_client().post("/form", data=data, content_type=MULTIPART)
    assert error_of(response) == (413, {"error": sentence})


def test_a_413_of_an_authors_form_parser_keeps_its_text(make_app: Callable[..., Flask]) -> None:
    class OwnParser(FormDataParser):
        def parse(self, *args: Any, **options: Any) -> Any:
            raise RequestEntityTooLarge("Photos only up to 2 MB.")

    app = make_app()
    app.request_class.form_data_parser_class = OwnParser
    add_readers(app)
    try:
        response = app.test_client().post("/form", data={"a": "1"})
    finally:
        app.request_class.form_data_parser_class = FormDataParser
    assert error_of(response) == (413, {"error": "Photos only up to 2 MB."})


# -- where the class is in effect


def test_outside_the_prefixes_a_request_is_flasks() -> None:
    bare, mixed = Flask(__name__), Flask(__name__)
    mixed.config.update(APIERRORS_URL_PREFIXES=("/api",))
    ApiErrors(mixed)
    for app in (bare, mixed):
        app.config.update(MAX_CONTENT_LENGTH=1_000, MAX_FORM_MEMORY_SIZE=100)
        add_readers(app)
    requests: list[tuple[str, str, bytes, dict[str, Any]]] = [
        ("/data", "text/plain", b"a" * 2_000, CHUNKED),
        ("/data", "text/plain", b"a" * 2_000, {}),
        ("/data", "text/plain", b"a", {"HTTP_TRANSFER_ENCODING": "chunked"}),
        ("/data", "text/plain", b"a", {"CONTENT_LENGTH": "2", "wsgi.input_terminated": True}),
        ("/json", "application/json", b"[NaN]", {}),
        ("/json", "application/json", b"[1", {}),
        ("/json", "text/plain", b"[1]", {}),
        ("/form", MULTIPART, b"--x\r\n...", {}),
        ("/form", URLENCODED, b"a=\xff", {}),
        ("/form", f"{MULTIPART}; boundary=x", b"a" * 200, {}),
        ("/args", "text/plain", b"", {"QUERY_STRING": "a=\xff"}),
    ]
    for path, content_type, body, environ in requests:
        with_length = {"CONTENT_LENGTH": str(len(body))} if environ is not CHUNKED else {}
        answers = [
            app.test_client().post(
                path,
                input_stream=io.BytesIO(body),
                content_type=content_type,
                environ_overrides=with_length | environ,
            )
            for app in (bare, mixed)
        ]
        assert answers[0].status_code == answers[1].status_code, path
        assert answers[0].data == answers[1].data, path


def test_a_request_without_an_app_is_flasks() -> None:
    environ = create_environ(method="POST", data=b"[NaN]", content_type="application/json")
    assert str(ApiRequest(environ).get_json()) == "[nan]"


def test_a_shallow_request_has_no_stream(app: Flask) -> None:
    with app.app_context(), pytest.raises(RuntimeError, match="shallow"):
        _ = ApiRequest(create_environ(), shallow=True).stream


def test_strict_json_can_be_switched_off(make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_STRICT_JSON=False)
    add_readers(app)
    client = app.test_client()
    for body in (b"[NaN]", b"[1e400]", rb'["\ud83d"]', b"[" * 101 + b"]" * 101):
        response = client.post("/json", data=body, content_type="application/json")
        assert response.status_code == 200
    response = client.post("/json", data=b"[1", content_type="application/json")
    assert error_of(response) == (
        400,
        {"error": "Malformed JSON: Expecting ',' delimiter at line 1 column 3."},
    )


def test_the_apps_own_request_class_reads_json_strictly() -> None:
    class TenantRequest(Request):
        @property
        def tenant(self) -> str:
            return "north"

    app = Flask(__name__)
    app.request_class = TenantRequest
    ApiErrors(app)

    @app.post("/")
    def view() -> Response:
        assert isinstance(request, TenantRequest)
        return jsonify(request.get_json(), request.tenant)

    assert app.request_class.__name__ == "TenantRequest"
    assert issubclass(app.request_class, TenantRequest)
    assert app.test_client().post("/", json=1).get_json() == [1, "north"]
    assert (
        app.test_client().post("/", data=b"NaN", content_type="application/json").status_code == 400
    )


def test_what_an_authors_request_class_overrides_stays() -> None:
    class OwnRequest(Request):
        json_module = json

        def on_json_loading_failed(self, e: ValueError | None) -> Any:
            return f"fallback: {e}"

        @property
        def stream(self) -> Any:
            return io.BytesIO(b'{"a": 1')

        @property
        def args(self) -> MultiDict[str, str]:
            return MultiDict({"mine": "1"})

    app = Flask(__name__)
    app.request_class = OwnRequest
    ApiErrors(app)
    add_readers(app)
    client = app.test_client()
    response = client.post("/json", data=b"[", content_type="application/json")
    assert response.get_json() == "fallback: Expecting ',' delimiter: line 1 column 8 (char 7)"
    assert client.post("/stream", data=b"[").text == "7"
    assert client.get("/args?yours=1").get_json() == {"mine": "1"}


def test_a_request_class_can_serve_two_apps() -> None:
    first, second = Flask(__name__), Flask(__name__)
    ApiErrors(first)
    second.request_class = first.request_class
    ApiErrors(second)
    assert second.request_class is first.request_class is ApiRequest
    assert Flask(__name__).request_class is Request
