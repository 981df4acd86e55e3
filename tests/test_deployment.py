"""The lines for nginx in the documentation pass on what an app needs. They answer for it, too."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask import request as flask_request
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apierrors import ApiErrors, client_key, requires_auth
from tests.conftest import parse_strictly, serving
from tests.limits.storages import accepts, free_port, wait_until

PAGE = Path(__file__).parents[1] / "docs" / "deployment.md"
#: More than what nginx accepts by default.
LARGE = b"x" * 2_000_000


class Answer(NamedTuple):
    status: int
    headers: Message
    json: Any


Send = Callable[..., Answer]


@pytest.fixture
def app_address() -> Iterator[str]:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 3_000_000
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    ApiErrors(app).verify_token({"secret": {"sub": "alice"}}.get)
    app.add_url_rule("/private", "private", requires_auth(lambda: {}))
    app.add_url_rule("/size", "size", lambda: {"size": len(flask_request.data)}, methods=["POST"])
    app.add_url_rule(
        "/client", "client", lambda: {"client": client_key(), "is": flask_request.scheme}
    )
    with serving(app) as address:
        yield address


@pytest.fixture
def send(app_address: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Send]:
    """Send a request through nginx, which has the lines of the page."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("needs nginx")
    lines = "\n".join(re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert lines.count("proxy_pass http://127.0.0.1:8000;") == 1
    is_down = getattr(request, "param", "") == "down"
    upstream = f"http://127.0.0.1:{free_port()}" if is_down else app_address
    port = free_port()
    folders = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}"
        f"http {{ access_log off; {folders} server {{ listen 127.0.0.1:{port};"
        f"{lines.replace('http://127.0.0.1:8000', upstream)} }} }}"
    )
    process = subprocess.Popen([nginx, "-e", "stderr", "-c", str(configuration)])

    def exchange(method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            return Answer(response.status, response.headers, parse_strictly(response.read()))

    try:
        wait_until(lambda: accepts(port), "nginx starts")
        yield exchange
    finally:
        process.terminate()
        process.wait(10)


def test_an_error_passes_nginx_as_it_is_and_has_the_id_of_nginx(send: Send) -> None:
    answer = send("GET", "/private", X_Request_ID="chosen-by-the-client")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.json["error"].startswith("Authentication failed")
    assert send("GET", "/private", Authorization="Bearer secret").status == 200


def test_nginx_tells_who_the_client_is_and_believes_no_client(send: Send) -> None:
    answer = send("GET", "/client", X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
    assert answer.json == {"client": "127.0.0.1", "is": "http"}


def test_the_app_decides_about_the_size_of_bodies(send: Send) -> None:
    assert send("POST", "/size", LARGE).json == {"size": len(LARGE)}
    answer = send("POST", "/size", LARGE * 2)
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/json")


@pytest.mark.parametrize("send", ["down"], indirect=True)
def test_while_the_app_is_down_nginx_answers_in_the_contract(send: Send) -> None:
    answer = send("GET", "/client")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/json")
    assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("10", "no-store")
    assert answer.json == {
        "error": "The service is temporarily unavailable. Please retry in 10 seconds."
    }
