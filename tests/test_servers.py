"""The development server, gunicorn and waitress send the same answers over real sockets."""

from __future__ import annotations

import base64
import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.client import BadStatusLine, HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from flask import Flask, request

pytest.importorskip("apispec")
pytest.importorskip("jwt")

from example_app import store

#: Each gets a listening socket, so that no test guesses a free port or waits for the server.
PROGRAMS = {
    "development": """
from werkzeug.serving import make_server
from example_app import create_app
make_server("127.0.0.1", 0, create_app(), threaded=True, fd=int(sys.argv[1])).serve_forever()
""",
    "gunicorn": """
from gunicorn.app.wsgiapp import run
bind = ["--bind", f"fd://{sys.argv[1]}"]
sys.argv = ["gunicorn", *bind, "--threads", "4", "example_app:create_app()"]
run()
""",
    "waitress": """
import socket
from waitress import serve
from example_app import create_app
serve(create_app(), sockets=[socket.socket(fileno=int(sys.argv[1]))])
""",
}
#: The fields that the package or the app sets. The server sets the others.
FIELDS = (
    "Content-Type",
    "Content-Length",
    "X-Content-Type-Options",
    "Cache-Control",
    "Vary",
    "WWW-Authenticate",
    "Allow",
    "Accept",
    "Retry-After",
    "RateLimit-Policy",
)
NOT_FOUND = "The requested resource does not exist."
RPM = "/measurements/engine/aurora/port/rpm"


class Answer(NamedTuple):
    status: int
    headers: dict[str, list[str]]
    body: bytes
    request_id: str | None

    @property
    def error(self) -> Any:
        """The sentence, or ``None`` if the server answered in its own words."""
        return (
            json.loads(self.body).get("error")
            if self.headers.get("Content-Type") == ["application/json"]
            else None
        )


class Server:
    """A WSGI server that runs the example until it is stopped."""

    def __init__(self, name: str, database: Path, log: Path) -> None:
        self.name = name
        self.log = log
        with socket.socket() as listening, log.open("w") as output:
            listening.bind(("127.0.0.1", 0))
            listening.listen(64)
            self.port = listening.getsockname()[1]
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"import sys\n{PROGRAMS[name]}", str(listening.fileno())],
                cwd=Path(__file__).parent.parent,
                env=os.environ
                | {
                    "TELEMETRY_DATABASE": str(database),
                    "TELEMETRY_RATELIMIT_DEFAULT": "10000/minute",
                },
                pass_fds=[listening.fileno()],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.token = ""

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def raw(self, data: bytes, method: str = "GET") -> Answer:
        """Send bytes, and read the response until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            with closing(HTTPResponse(connection, method=method)) as response:
                response.begin()
                return read_answer(response)

    def request(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        fields = {
            name.replace("_", "-"): value.replace("TOKEN", self.token)
            for name, value in headers.items()
        }
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, target, body, fields)
            return read_answer(connection.getresponse())


def read_answer(response: HTTPResponse) -> Answer:
    headers = {
        name: response.headers.get_all(name, []) for name in FIELDS if name in response.headers
    }
    if "Allow" in headers:  # Werkzeug keeps the methods in a set, which has no fixed order
        headers["Allow"] = [", ".join(sorted(value.split(", "))) for value in headers["Allow"]]
    return Answer(response.status, headers, response.read(), response.getheader("X-Request-ID"))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "telemetry.sqlite"
    store.create(path)
    return path


@pytest.fixture(scope="module")
def servers(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    logs = tmp_path_factory.mktemp("logs")
    started = [Server(name, database, logs / name) for name in PROGRAMS]
    credentials = "Basic " + base64.b64encode(b"bridge:bridge-secret").decode()
    try:
        for server in started:
            server.token = server.request(
                "POST", "/token", Authorization=credentials, Accept="text/plain"
            ).body.decode()
        yield started
    finally:
        for server in started:
            server.stop()


def assert_same(answers: list[Answer], status: int, error: str | None = None) -> Answer:
    """Assert that all answers are this error, with the same body and the same fields.

    Only challenges have several lines, one for each scheme.
    """
    first = answers[0]
    for answer in answers:
        assert answer.status == status, answer
        assert answer.error, answer
        assert answer.error == error or error is None
        assert (answer.headers, answer.body) == (first.headers, first.body)
        repeated = {name for name, values in answer.headers.items() if len(values) > 1}
        assert repeated <= {"WWW-Authenticate"}
        assert answer.headers["X-Content-Type-Options"] == ["nosniff"]
        assert answer.headers["Cache-Control"] == ["no-store"]
        assert answer.request_id
    return first


# -- statuses


def request_all(
    servers: list[Server], method: str, target: str, body: bytes | None = None, **headers: str
) -> list[Answer]:
    return [server.request(method, target, body, **headers) for server in servers]


def test_a_valid_request_gets_the_same_answer(servers: list[Server]) -> None:
    for accept in ("application/json", "text/csv"):
        answers = request_all(
            servers, "GET", f"{RPM}?limit=2", Authorization="Bearer TOKEN", Accept=accept
        )
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert all(answer.headers["Vary"] == ["Accept"] for answer in answers)


@pytest.mark.parametrize(
    ("status", "method", "target", "headers", "field"),
    [
        (400, "GET", f"{RPM}?to=2025-05-25T09:41:00", {"Authorization": "Bearer TOKEN"}, None),
        (
            401,
            "GET",
            RPM,
            {},
            ("WWW-Authenticate", 'Bearer realm="api"', 'ApiKey realm="api"'),
        ),
        (
            401,
            "POST",
            "/token",
            {},
            ("WWW-Authenticate", 'Basic realm="api", charset="UTF-8"'),
        ),
        (404, "GET", "/nowhere", {}, None),
        (404, "GET", "/measurements/engine/titanic", {"Authorization": "Bearer TOKEN"}, None),
        (405, "DELETE", "/health", {}, ("Allow", "GET, HEAD, OPTIONS")),
        (406, "GET", RPM, {"Authorization": "Bearer TOKEN", "Accept": "image/png"}, None),
        (
            415,
            "POST",
            "/annotations",
            {"Authorization": "Bearer TOKEN"},
            ("Accept", "application/json"),
        ),
        (
            500,
            "GET",
            "/statistics/engine/aurora/port/rpm?to=2025-05-20T00:01:00Z",
            {"Authorization": "Bearer TOKEN"},
            None,
        ),
    ],
)
def test_every_error_is_the_same(
    servers: list[Server],
    status: int,
    method: str,
    target: str,
    headers: dict[str, str],
    field: tuple[str, ...] | None,
) -> None:
    first = assert_same(request_all(servers, method, target, None, **headers), status)
    assert field is None or first.headers[field[0]] == list(field[1:])


def test_a_403_is_the_same(servers: list[Server]) -> None:
    credentials = "Basic " + base64.b64encode(b"kiosk:kiosk-secret").decode()
    answers = []
    for server in servers:
        kiosk = server.request(
            "POST", "/token", Authorization=credentials, Accept="text/plain"
        ).body.decode()
        answers.append(server.request("GET", RPM, Authorization=f"Bearer {kiosk}"))
    first = assert_same(answers, 403, "You do not have permission to access the requested content.")
    assert first.headers["WWW-Authenticate"] == [
        'Bearer realm="api", error="insufficient_scope", scope="measurements:read"'
    ]


def test_a_429_is_the_same(servers: list[Server]) -> None:
    refused = []
    for server in servers:
        answers = (
            server.request("GET", f"{RPM}?limit=1", Authorization="Bearer TOKEN")
            for _ in range(100)
        )
        refused.append(next(answer for answer in answers if answer.status != 200))
    first = assert_same(
        refused, 429, "Too many requests: the limit is 10 per 1 second. Retry after 1 second."
    )
    assert first.headers["Retry-After"] == ["1"]


def test_a_503_is_the_same(servers: list[Server], database: Path) -> None:
    away = database.rename(database.with_name("away"))
    try:
        first = assert_same(request_all(servers, "GET", "/health"), 503)
    finally:
        away.rename(database)
    assert first.headers["Retry-After"] == ["10"]
    assert {answer.status for answer in request_all(servers, "GET", "/health")} == {200}


def test_problem_json_is_the_same(servers: list[Server]) -> None:
    answers = request_all(
        servers, "GET", "/nowhere%20at%20all", Accept="application/problem+json", X_Request_ID="7"
    )
    assert {answer.headers["Content-Type"][0] for answer in answers} == {"application/problem+json"}
    assert len({answer.body for answer in answers}) == 1
    assert json.loads(answers[0].body) == {
        "type": "/errors/not-found",
        "title": "Not Found",
        "status": 404,
        "detail": NOT_FOUND,
        "instance": "/nowhere%20at%20all#7",
        "code": "not-found",
        "request_id": "7",
    }


@pytest.mark.standard("head-empty", "head-fields")
def test_head_has_the_fields_of_get_and_no_body(servers: list[Server]) -> None:
    for get, head in zip(
        request_all(servers, "GET", RPM), request_all(servers, "HEAD", RPM), strict=True
    ):
        assert (head.status, head.headers, head.body) == (401, get.headers, b"")


# -- hostile requests

#: A minimal request. The server closes the connection after the response.
START = b"GET /nowhere HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"


def start(line: bytes = b"GET /nowhere") -> bytes:
    return START.replace(b"GET /nowhere", line) + b"\r\n"


def with_field(field: bytes) -> bytes:
    return START + field + b"\r\n\r\n"


def to_token(field: bytes) -> bytes:
    return with_field(field).replace(b"GET /nowhere", b"POST /token")


class Hostile(NamedTuple):
    """Bytes, and the status of the answer.

    ``by_server`` has the statuses of the servers that answer in their own words.
    """

    data: bytes
    status: int
    by_server: Mapping[str, int] = MappingProxyType({})


REFUSED = {"gunicorn": 400, "waitress": 400}
HOSTILE = {
    "a Host with spaces and quotes": Hostile(start().replace(b"api", b'a b<>"'), 404),
    "a Host of Latin-1": Hostile(start().replace(b"api", b"\xff\xfe"), 404),
    "two Hosts": Hostile(with_field(b"Host: other"), 404, {"gunicorn": 400}),
    "no Host": Hostile(start().replace(b"Host: api\r\n", b""), 404),
    "another site's URL": Hostile(start(b"GET http://elsewhere.example/nowhere"), 404),
    "a field of 64 kB": Hostile(with_field(b"X-Large: " + b"a" * 65_000), 404, {"gunicorn": 431}),
    "a token of 8 kB": Hostile(with_field(b"Authorization: Bearer " + b"a" * 8_000), 404),
    "an Accept of 64 kB": Hostile(
        with_field(b"Accept: " + b"a/b," * 16_000), 404, {"gunicorn": 431}
    ),
    "150 fields": Hostile(
        with_field(b"\r\n".join(b"X-%d: a" % number for number in range(150))),
        404,
        {"development": 431, "gunicorn": 431},
    ),
    "a URL of 70 kB": Hostile(
        start(b"GET /" + b"a" * 70_000), 404, {"development": 414, "gunicorn": 414}
    ),
    "percent-encoding that does not decode": Hostile(start(b"GET /%ff%zz%/%ed%a0%80?%ff=%"), 404),
    "encoded NUL and CR LF in the URL": Hostile(start(b"GET /%00%0d%0aSet-Cookie:%20a=b"), 404),
    "raw bytes in the URL": Hostile(start(b"GET /\xff\xfe"), 404, REFUSED),
    "an unknown method": Hostile(start(b"BREW /health"), 405),
    "a method of 300 letters": Hostile(start(b"A" * 300 + b" /health"), 405, {"gunicorn": 400}),
    "TRACE": Hostile(start(b"TRACE /health"), 405),
    "CONNECT": Hostile(start(b"CONNECT elsewhere.example:80"), 404),
    "OPTIONS *": Hostile(start(b"OPTIONS *"), 404),
    "a field on two lines": Hostile(
        with_field(b"X-Request-ID: a\r\n Set-Cookie: b"), 404, {"gunicorn": 400}
    ),
    "a bare CR in a field": Hostile(with_field(b"X-Request-ID: a\rSet-Cookie: b"), 404, REFUSED),
    "quotes and Latin-1 in a field": Hostile(with_field(b'X-Request-ID: "\xe9\xff"'), 404),
    "an invalid Accept": Hostile(with_field(b'Accept: \xff;q="'), 404),
    "credentials of Latin-1": Hostile(to_token(b"Authorization: Basic \xed"), 401),
    "a Content-Length without digits": Hostile(to_token(b"Content-Length: ten"), 401, REFUSED),
    "a negative Content-Length": Hostile(to_token(b"Content-Length: -1"), 401, REFUSED),
    "an unknown transfer coding": Hostile(
        to_token(b"Transfer-Encoding: mystery"), 401, {"gunicorn": 501, "waitress": 501}
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_that_reach_the_app_get_the_same_answer(
    servers: list[Server], name: str
) -> None:
    data, status, by_server = HOSTILE[name]
    log_sizes = [server.log.stat().st_size for server in servers]
    answers = {server.name: server.raw(data) for server in servers}
    assert {server: answers[server].status for server in by_server} == by_server
    assert all(answers[server].error is None for server in by_server)
    answers_of_app = [answers[server.name] for server in servers if server.name not in by_server]
    assert_same(answers_of_app, status)
    assert not any(
        "Traceback" in server.log.read_text()[size:]
        for server, size in zip(servers, log_sizes, strict=True)
    )


def annotation_request(server: Server, body: bytes, *fields: bytes) -> bytes:
    lines = (
        b"POST /annotations HTTP/1.1",
        b"Host: api",
        b"Connection: close",
        b"Content-Type: application/json",
        b"Authorization: Bearer " + server.token.encode(),
        *fields,
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("status", "body", "fields"),
    [
        (400, b"", (b"Content-Length: 0",)),
        (400, b"{", (b"Content-Length: 1",)),
        (400, b"\xff\xfe", (b"Content-Length: 2",)),
        (400, b"[" * 60_000, (b"Content-Length: 60000",)),
        (400, b'{"time": NaN}', (b"Content-Length: 13",)),
        (400, b"5\r\n{\xff}\r\n\r\n0\r\n\r\n", (b"Transfer-Encoding: chunked",)),
        (400, b"2\r\n{}\r\n0\r\n\r\n", (b"Transfer-Encoding: chunked",)),
        (413, b"x" * 65_537, (b"Content-Length: 65537",)),
    ],
)
def test_a_hostile_body_is_the_same_4xx(
    servers: list[Server], status: int, body: bytes, fields: tuple[bytes, ...]
) -> None:
    answers = [server.raw(annotation_request(server, body, *fields), "POST") for server in servers]
    assert_same(answers, status)


# waitress reads the whole body before it calls the app. It closes the connection if the body ends
# early.
def test_a_truncated_body_is_never_used(servers: list[Server]) -> None:
    whole = b'{"series": "engine/aurora/port/rpm", "time": "2025-05-21", "text": "Pilot on board"}'
    for server in servers:
        data = annotation_request(server, whole, b"Content-Length: 500")
        if server.name == "waitress":
            with pytest.raises(ConnectionError):
                server.raw(data, "POST")
        else:
            answer = server.raw(data, "POST")
            assert (answer.status, bool(answer.error)) == (400, True)
    assert {
        answer.body
        for answer in request_all(servers, "GET", "/annotations", Authorization="Bearer TOKEN")
    } == {b'{"annotations":[]}\n'}


def test_an_invalid_chunk_is_a_400(servers: list[Server]) -> None:
    for server in servers:
        answer = server.raw(
            annotation_request(server, b"zz\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
            "POST",
        )
        assert answer.status == 400
        assert (answer.error is None) == (server.name == "waitress")


# -- bodies, over each server that is installed

BODY_APP = """
from flask import Flask, jsonify, request
from flask_apierrors import ApiErrors
app = Flask("bodies")
app.config["MAX_CONTENT_LENGTH"] = 100_000
ApiErrors(app)
views = {
    "/data": lambda: str(len(request.get_data())),
    "/json": lambda: str(len(request.get_json())),
    "/form": lambda: str(len(request.form["a"])),
    "/stream": lambda: str(len(b"".join(iter(lambda: request.stream.read(4_096), b"")))),
    "/lines": lambda: str(sum(map(len, request.stream))),
}
for path, view in views.items():
    app.add_url_rule(path, path, view, methods=["POST"])
"""
GUNICORN = [sys.executable, "-m", "gunicorn", "--bind", "fd://{fd}", "bodies:app"]
BODY_SERVERS = {
    "development": [
        sys.executable,
        "-c",
        "from bodies import app; from werkzeug.serving import make_server; "
        "make_server('127.0.0.1', 0, app, threaded=True, fd={fd}).serve_forever()",
    ],
    "gunicorn": GUNICORN,
    "gthread": [*GUNICORN, "--threads", "2"],
    "gevent": [*GUNICORN, "--worker-class", "gevent"],
    "waitress": [
        sys.executable,
        "-c",
        "import socket, bodies, waitress; "
        "waitress.serve(bodies.app, sockets=[socket.socket(fileno={fd})])",
    ],
    "uwsgi": [
        str(Path(sys.executable).with_name("uwsgi")),
        *("--http-socket", "fd://{fd}", "--module", "bodies:app", "--need-app"),
        *("--die-on-term", "--virtualenv", sys.prefix),
    ],
    "a2wsgi": [
        sys.executable,
        "-c",
        "import a2wsgi, bodies, uvicorn; "
        "uvicorn.run(a2wsgi.WSGIMiddleware(bodies.app), fd={fd}, log_level='error')",
    ],
    "asgiref": [
        sys.executable,
        "-c",
        "import bodies, uvicorn; from asgiref.wsgi import WsgiToAsgi; "
        "uvicorn.run(WsgiToAsgi(bodies.app), fd={fd}, log_level='error')",
    ],
}
#: What a server needs beside this package and its tests.
NEEDS = {"gevent": ("gevent",), "a2wsgi": ("a2wsgi", "uvicorn"), "asgiref": ("asgiref", "uvicorn")}
#: These pass a chunked body on as it is, or hide it.
WITHOUT_CHUNKS = ("uwsgi", "a2wsgi", "asgiref")
LIMIT = 100_000
BODY_TYPES = {"/json": "application/json", "/form": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module", params=BODY_SERVERS)
def body_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """A server's name, and its port."""
    name: str = request.param
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    if not Path(BODY_SERVERS[name][0]).exists():
        pytest.skip(f"{name} is not installed")
    folder = tmp_path_factory.mktemp(name)
    (folder / "bodies.py").write_text(BODY_APP)
    path = os.pathsep.join([str(folder), *sys.path])
    with socket.socket() as listening, (folder / "log").open("w") as log:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [part.replace("{fd}", str(listening.fileno())) for part in BODY_SERVERS[name]],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            pass_fds=[listening.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield name, port
    process.terminate()
    process.wait(10)


def body_of(path: str, size: int) -> bytes:
    """A body of the size that a view can read."""
    start, end = {"/json": (b'"', b'"'), "/form": (b"a=", b"")}.get(path, (b"", b""))
    return start + b"a" * (size - len(start) - len(end)) + end


def send(
    port: int, path: str, body: bytes, *fields: bytes, ends_early: bool = False
) -> tuple[int, Any]:
    """Send a body as it is. Return the status, and the sentence of an error."""
    content_type = BODY_TYPES.get(path, "text/plain").encode()
    lines = (
        b"POST " + path.encode() + b" HTTP/1.1",
        b"Host: api",
        b"Connection: close",
        b"Content-Type: " + content_type,
        *fields,
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        if ends_early:
            connection.shutdown(socket.SHUT_WR)
        with closing(HTTPResponse(connection, method="POST")) as response:
            response.begin()
            answer = read_answer(response)
    return answer.status, answer.error


def in_chunks(body: bytes) -> bytes:
    pieces = [body[start : start + 5_000] for start in range(0, len(body), 5_000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
READERS = ["/data", "/json", "/form", "/stream", "/lines"]


@pytest.mark.parametrize("path", READERS)
def test_a_chunked_body_is_read_whole_or_is_a_413_or_a_411(
    body_server: tuple[str, int], path: str
) -> None:
    name, port = body_server
    for size, expected in (
        (LIMIT, (200, None)),
        (LIMIT + 1, (413, f"The request body is larger than {LIMIT} bytes.")),
        (2 * LIMIT, (413, f"The request body is larger than {LIMIT} bytes.")),
    ):
        if name in WITHOUT_CHUNKS:
            sentence = "The server cannot read a chunked body. Send a Content-Length header."
            expected = 411, sentence
        assert send(port, path, in_chunks(body_of(path, size)), CHUNKED) == expected


@pytest.mark.parametrize("path", READERS)
def test_a_body_with_a_length_is_read_whole_or_is_a_413(
    body_server: tuple[str, int], path: str
) -> None:
    _, port = body_server
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        body = body_of(path, size)
        assert send(port, path, body, b"Content-Length: %d" % size)[0] == status


@pytest.mark.parametrize("path", READERS)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_ends_early_is_never_taken(
    body_server: tuple[str, int], path: str, is_chunked: bool
) -> None:
    name, port = body_server
    body = body_of(path, 50)
    if is_chunked:
        data, field = in_chunks(body).removesuffix(b"0\r\n\r\n"), CHUNKED
    else:
        data, field = body, b"Content-Length: 51"
    try:
        status, sentence = send(port, path, data, field, ends_early=True)
    except (BadStatusLine, IncompleteRead, ConnectionError):
        # These servers wait for the whole body, or close the connection without it.
        assert name in ("waitress", "a2wsgi", "asgiref", "uwsgi")
        return
    is_undecoded = is_chunked and name in WITHOUT_CHUNKS
    assert status == (411 if is_undecoded else 400)
    assert sentence


class Unreadable:
    """A body with chunks that gunicorn cannot read."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    def read(self, size: int = -1) -> bytes:
        raise self.failure


@pytest.mark.parametrize("name", ["InvalidChunkSize", "NoMoreData"])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"]
)
def test_a_body_that_gunicorn_cannot_read_is_a_400(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture, content_type: str, name: str
) -> None:
    failure = getattr(importlib.import_module("gunicorn.http.errors"), name)(b"zz")
    app = make_app()

    @app.post("/")
    def read() -> str:
        return str(request.get_json() if request.is_json else request.form or request.stream.read())

    environ = {
        "wsgi.input": Unreadable(failure),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    response = app.test_client().post("/", content_type=content_type, environ_overrides=environ)
    assert (response.status_code, response.get_json()) == (
        400,
        {"error": "The request body could not be read to its end."},
    )
    assert not caplog.records
