"""The code, the answers, the commands, the numbers and the links of the README are right.

So are the commands of the quickstart.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from argparse import ArgumentParser
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from flask import Flask, abort, request
from marshmallow import Schema, fields
from werkzeug.test import TestResponse

pytest.importorskip("apispec")
pytest.importorskip("jwt")

import flask_apierrors.testing  # noqa: F401  # before the tests take its receiver away
from example_app import create_app
from flask_apierrors import ApiErrors, produces, rate_limit, requires_json, requires_permissions
from flask_apierrors.openapi import add_errors
from tests.conftest import serving

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [line[2:] for block in CONSOLE for line in block.splitlines() if line.startswith("$ ")]
(EXAMPLE,) = [block for block in CONSOLE if block.startswith("$ TOKEN=")]

#: What differs from one request to the next.
VARIABLE = re.compile(r"\b[0-9a-f]{32}\b")
#: The header fields of the server, which readers don't need.
OF_THE_SERVER = re.compile(r"^(Server|Date|Connection|Content-Length): .*\n", re.MULTILINE)


class Exchange(NamedTuple):
    """A command, and what it prints."""

    command: str
    shown: str


def exchanges(page: str) -> list[Exchange]:
    """Return the ``curl`` commands of a page that ask for nothing but what the page shows."""
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [
        Exchange(*command.split("\n", 1))
        for block in blocks
        if block.startswith("$ curl")
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]


BEFORE, *AFTER = exchanges(README)
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text()


def python_of(page: str) -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(code)


def readme_app() -> Flask:
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(python_of(README), "README.md", "exec"), names)
    app = names["app"]
    assert isinstance(app, Flask)
    return app


@pytest.fixture
def serve() -> Iterator[Callable[[Flask], int]]:
    """Start an app under the development server. Return its port."""
    with ExitStack() as stack:
        yield lambda app: urlsplit(stack.enter_context(serving(app))).port or 0


OPTIONS = ArgumentParser("curl")
OPTIONS.add_argument("url", type=urlsplit)
OPTIONS.add_argument("-i", action="store_true")
OPTIONS.add_argument("-s", action="store_true")
OPTIONS.add_argument("-X")
OPTIONS.add_argument("-H", action="append", default=[])
OPTIONS.add_argument("-u")
OPTIONS.add_argument("-d")


def curl(command: str, port: int) -> str:
    """Return what a ``curl`` command prints, without curl: the request goes over a socket."""
    options = OPTIONS.parse_args(shlex.split(command)[1:])
    method = options.X or ("POST" if options.d else "GET")
    lines = [
        f"{method} {options.url._replace(scheme='', netloc='').geturl()} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *options.H,
    ]
    if not any(line.startswith("Accept:") for line in lines):
        lines.append("Accept: */*")
    body = (options.d or "").encode()
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if options.u:
        lines.append(f"Authorization: Basic {b64encode(options.u.encode()).decode()}")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        connection.makefile("rb") as stream,
    ):
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        text = stream.read().decode().replace("\r\n", "\n")
    return text if options.i else text.partition("\n\n")[2]


def normalize(output: str) -> str:
    return VARIABLE.sub("ID", OF_THE_SERVER.sub("", output)).strip()


def test_bare_flask_answers_as_shown(serve: Callable[[Flask], int]) -> None:
    assert normalize(curl(BEFORE.command, serve(Flask("bare")))) == normalize(BEFORE.shown)


@pytest.mark.parametrize("exchange", AFTER)
def test_the_app_answers_as_shown(exchange: Exchange, serve: Callable[[Flask], int]) -> None:
    assert normalize(curl(exchange.command, serve(readme_app()))) == normalize(exchange.shown)


@pytest.fixture
def harbor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save the code of the quickstart, as the page says. Return the folder."""
    (tmp_path / "harbor.py").write_text(python_of(QUICKSTART))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_quickstart_answers_as_shown(harbor: Path, serve: Callable[[Flask], int]) -> None:
    names: dict[str, Any] = {"__name__": "harbor"}
    exec(compile((harbor / "harbor.py").read_text(), "harbor.py", "exec"), names)
    port = serve(names["create_app"]())
    for command, shown in exchanges(QUICKSTART):
        assert normalize(curl(command, port)) == normalize(shown)


@pytest.mark.parametrize(
    ("command", "last_line"),
    [
        ("pytest -p no:cacheprovider -W error harbor.py", r"=+ 2 passed in .* =+"),
        ("flask --app harbor apierrors doctor", r"Nothing found\."),
        ("flask --app harbor routes", r"vessels\.show +GET .*"),
    ],
)
def test_the_quickstart_can_be_pasted_and_run(harbor: Path, command: str, last_line: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-m", *command.split()],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert re.fullmatch(last_line, run.stdout.splitlines()[-1]), run.stdout


@pytest.fixture
def example_port(serve: Callable[[Flask], int], tmp_path: Path) -> int:
    """Start the example API, as ``make run`` does. Return its port."""
    return serve(create_app({"DATABASE": str(tmp_path / "telemetry.sqlite")}))


def test_the_example_api_answers_as_shown(example_port: int) -> None:
    get_token, query, shown = EXAMPLE.strip().removeprefix("$ ").replace("\n$ ", "\n").split("\n")
    token = curl(get_token.removeprefix("TOKEN=$(").removesuffix(")"), example_port)
    assert curl(query.replace("$TOKEN", token), example_port).strip() == shown


@pytest.mark.skipif(
    shutil.which("curl") is None,
    reason="curl is not installed. The tests above use a socket.",
)
def test_curl_in_a_shell_prints_the_same(serve: Callable[[Flask], int], example_port: int) -> None:
    script = re.sub(r"^(?!\$ ).*\n?", "", EXAMPLE, flags=re.MULTILINE).replace("$ ", "")
    assert in_shell(script, example_port) == EXAMPLE.strip().splitlines()[-1]
    port = serve(readme_app())
    for command, shown in AFTER:
        assert normalize(in_shell(command, port)) == normalize(shown)


def in_shell(script: str, port: int) -> str:
    """Return what a shell prints to its standard output."""
    environment = {**os.environ, "no_proxy": "*"}
    run = subprocess.run(
        ["sh", "-ec", script.replace(":5000", f":{port}")],
        capture_output=True,
        env=environment,
        timeout=30,
        check=True,
    )
    return run.stdout.decode().replace("\r\n", "\n").strip()


def test_both_apps_get_the_same_request() -> None:
    assert BEFORE.command == AFTER[0].command


def test_the_code_has_ten_lines() -> None:
    code = python_of(README).splitlines()
    assert len([line for line in code if line]) == 10


def test_the_first_table_begins_after_one_screen() -> None:
    assert README.splitlines().index("## What it reaches") <= 60


def test_the_reference_page_and_openapi_exist_as_described() -> None:
    app = Flask("registry")
    app.config["APIERRORS_REFERENCE_URL"] = "/errors"
    ApiErrors(app)
    client = app.test_client()
    problem = client.get("/vessel", headers={"Accept": "application/problem+json"}).get_json()
    assert client.get(problem["type"]).status_code == 200

    app = readme_app()
    operation = {"responses": {"200": {"description": "A vessel."}}}
    document = add_errors(
        {"openapi": "3.1.0", "paths": {"/vessels/{imo}": {"get": operation}}}, app
    )
    assert document["paths"]["/vessels/{imo}"]["get"]["responses"].keys() > {
        "200",
        "401",
        "403",
        "500",
    }


def table(page: str, first_cell: str) -> list[dict[str, str]]:
    """Return the rows of a table, as dicts by the names in its head."""
    text = page[page.index(f"| {first_cell} ") :].partition("\n\n")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


# -- the table of failures


def failing_app() -> Flask:
    app = Flask("failing")
    app.config["MAX_CONTENT_LENGTH"] = 1000
    errors = ApiErrors(app)
    errors.verify_token({"good": "ann"}.get)

    @app.get("/fields")
    def validated() -> str:
        Schema.from_dict({"limit": fields.Integer()})().load(request.args)
        return "ok"

    @app.get("/vessels")
    @requires_permissions("vessels:read")
    def vessels() -> str:
        return "ok"

    @app.post("/json")
    @requires_json
    def json() -> str:
        return "ok"

    @app.get("/csv")
    @produces("application/json", "text/csv")
    def csv() -> str:
        return "ok"

    @app.get("/limited")
    @rate_limit("10/second")
    def limited() -> str:
        return "ok"

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("secret")

    app.add_url_rule("/range", view_func=lambda: request.args["to"], endpoint="range")

    @app.get("/closed")
    def closed() -> str:
        abort(503)

    return app


JSON = "application/json"
PROVOKE: dict[str, Callable[..., TestResponse]] = {
    "an invalid field": lambda c: c.get("/fields?limit=x"),
    "a missing parameter": lambda c: c.get("/range"),
    "a body that isn't JSON": lambda c: c.post("/json", data="[", content_type=JSON),
    "no `Authorization` header": lambda c: c.get("/vessels"),
    "a forged or expired token": lambda c: c.get(
        "/vessels", headers={"Authorization": "Bearer bad"}
    ),
    "a missing permission": lambda c: c.get("/vessels", headers={"Authorization": "Bearer good"}),
    "an unknown URL": lambda c: c.get("/vessel"),
    "the wrong method": lambda c: c.delete("/vessels"),
    "no acceptable media type": lambda c: c.get("/csv", headers={"Accept": "image/png"}),
    "a body over `MAX_CONTENT_LENGTH`": lambda c: c.post(
        "/json", data=b"1" * 1001, content_type=JSON
    ),
    "an unsupported `Content-Type`": lambda c: c.post(
        "/json", data="<a/>", content_type="text/xml"
    ),
    "too many requests": lambda c: next(
        response for _ in range(1000) if (response := c.get("/limited")).status_code == 429
    ),
    "an unexpected exception": lambda c: c.get("/crash"),
    "`abort(503)` or maintenance": lambda c: c.get("/closed"),
}


def failures(page: str) -> dict[str, list[str]]:
    """Return the status, the sentence and the header fields of each failure in the table."""
    return {failure: rest for failure, *rest in map(dict.values, table(page, "error"))}


ROWS = failures(README)


def test_the_first_page_of_the_docs_has_the_same_table() -> None:
    assert failures((ROOT / "docs" / "index.md").read_text()) == ROWS


def test_every_failure_in_the_table_is_tested() -> None:
    assert ROWS.keys() == PROVOKE.keys()


@pytest.mark.parametrize("failure", ROWS)
def test_a_failure_is_answered_as_the_table_says(failure: str) -> None:
    status, sentence, header_fields = ROWS[failure]
    response = PROVOKE[failure](failing_app().test_client())
    assert (response.status_code, response.get_json()) == (int(status), {"error": sentence})
    for field in re.findall(r"`([^`]+)`", header_fields):
        name, shown = field.split(": ", 1)
        value = response.headers[name]
        assert (sorted(value.split(", ")) if name == "Allow" else value) == (
            shown.split(", ") if name == "Allow" else shown
        )
    for name in ("Cache-Control", "X-Content-Type-Options", "Vary", "X-Request-ID"):
        assert name in response.headers


# -- the numbers


def test_the_costs_are_those_of_the_benchmarks() -> None:
    published = table((ROOT / "benchmarks" / "README.md").read_text(), "ratio to floor")
    rows = {row["ratio to floor"]: row | {"bare Flask": row["floor"]} for row in published}
    costs = table(README, "ratio to bare Flask")
    assert len(costs) == 5
    for row in costs:
        published_row = rows[row.pop("ratio to bare Flask")]
        # The published cells of this extension also have their quartiles. The picture shows the
        # rows of the README, so run `make pictures` after a change.
        assert row == {name: published_row[name].partition(" (")[0] for name in row}


# -- the commands


def test_every_command_in_the_readme_is_tested() -> None:
    assert {shlex.split(command)[0].partition("(")[0] for command in COMMANDS} == {
        "curl",
        "TOKEN=$",
        "pip",
        "make",
    }


@pytest.mark.parametrize(
    "target",
    [shlex.split(command, comments=True)[1] for command in COMMANDS if command.startswith("make ")],
)
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_make_target_exists(target: str) -> None:
    # A dry run, because `make test` would run this test again.
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    run = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_extras_in_the_readme_are_those_of_the_package() -> None:
    commands = [command for command in COMMANDS if command.startswith("pip ")]
    assert all(command.startswith("pip install . ") for command in commands)
    extras = set(re.findall(r"`pip install '\.\[(\w+)\]'`", README))
    (declared,) = re.findall(
        r"^\[project\.optional-dependencies\]\n(.*?)^\[",
        (ROOT / "pyproject.toml").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert extras == set(re.findall(r"^(\w+) =", declared, re.MULTILINE))


def test_the_readme_leads_to_each_page_of_the_docs() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    linked = set(re.findall(r"\]\(([^)#]+)", README))
    assert pages - linked == {"docs/index.md", "docs/changelog.md"}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)", README))))
def test_a_link_leads_somewhere(target: str) -> None:
    path, _, anchor = target.partition("#")
    assert (ROOT / path).exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(), re.MULTILINE)
        assert anchor in {
            re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings
        }


def test_the_pictures_are_there() -> None:
    pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    pictures = {
        path for page in pages for path in re.findall(r"pictures/[\w-]+\.png", page.read_text())
    }
    assert pictures == {f"pictures/{path.name}" for path in (ROOT / "docs/pictures").iterdir()}
