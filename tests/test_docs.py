"""The examples of the documentation are right.

``docs/index.md`` explains them to readers: the Python blocks of a page are one program. An ``http``
block is a request to the ``app`` of that program, and the next ``http`` block is its response.
"""

from __future__ import annotations

import json
import linecache
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask, request
from sybil import Document, Example
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser

import flask_apierrors.testing  # noqa: F401 - connects its receiver before a test has others
from docs.curl import SERVER, curl
from flask_apierrors._core.config import _CHECKS, Config
from flask_apierrors._core.sentences import NAMED
from flask_apierrors._core.statuses import STATUSES
from tests.conftest import serving
from tests.test_house import WINGS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ANYTHING = "…"
#: What shows that a page uses an extra -> what the extra installs.
EXTRAS = {
    "flask_apierrors.jwt": "jwt",
    "flask_apierrors.openapi": "apispec",
    "flask_smorest": "apispec",
    "flask_jwt_extended": "jwt",
    "async def": "asgiref",
    "flask_login": "flask_login",
    "authlib": "authlib",
    "flask_security": "flask_security",
}


pytestmark = pytest.mark.usefixtures("close_databases")


@pytest.fixture(autouse=True)
def error_receivers() -> None:
    """Keep the receiver of the test kit, which all other tests disconnect."""


class Exchange(NamedTuple):
    """A request to the app that is defined above it, and the response."""

    app: Flask
    request: Example
    answer: Example

    def check(self) -> None:
        """Send the request and compare the response.

        A page shows the header fields that matter there, and the whole body.
        """
        (method, target, _), fields, body = parts(self.request)
        response = self.app.test_client().open(
            target, method=method, headers=fields, data=body.encode() or None
        )
        (_, status), shown_fields, shown_body = parts(self.answer, 1)
        where = f"{self.answer.path}:{self.answer.line}"
        message = f"{where}: {response.status}, {response.text}"
        assert response.status.upper() == status.upper(), message
        for name, shown_value in shown_fields:
            values = response.headers.getlist(name)
            has_value = any(matches(shown_value, value) for value in values)
            assert has_value, f"{where}: {name}: {values}"
        if response.is_json or response.content_type == "application/problem+json":
            assert_same(json.loads(shown_body), response.get_json(), where)
        else:
            text = response.text.replace("\r\n", "\n").strip()
            assert matches(shown_body, text), f"{where}: {response.text}"


def parts(example: Example, splits: int = 2) -> tuple[list[str], list[tuple[str, str]], str]:
    """Split a message into the words of its first line, its header fields and its body."""
    head, _, body = example.parsed.partition("\n\n")
    first, *lines = head.strip().splitlines()
    names_and_values = (line.partition(":") for line in lines)
    return (
        first.split(" ", splits),
        [(name, value.strip()) for name, _, value in names_and_values],
        body.strip(),
    )


def assert_same(shown: Any, sent: Any, where: str) -> None:
    """Assert that two JSON values are the same, with their members in the same order."""
    if isinstance(shown, dict) and isinstance(sent, dict):
        assert list(shown) == list(sent), f"{where}: {sent}"
        for name, value in shown.items():
            assert_same(value, sent[name], where)
    elif isinstance(shown, list) and isinstance(sent, list):
        assert len(shown) == len(sent), f"{where}: {sent}"
        for shown_item, sent_item in zip(shown, sent, strict=True):
            assert_same(shown_item, sent_item, where)
    elif isinstance(shown, str) and isinstance(sent, str):
        assert matches(shown, sent), f"{where}: {sent}"
    else:
        assert shown == sent, f"{where}: {sent}"


def matches(shown: str, sent: str) -> bool:
    """Whether a text is the shown one, in which an ellipsis stands for any text."""
    pattern = ".+".join(map(re.escape, shown.split(ANYTHING)))
    return re.fullmatch(pattern, sent, re.DOTALL) is not None


def show_source(page: Path) -> None:
    """Let the catalogue read the Python blocks of a page as one file."""
    lines: list[str] = []
    for example in Document.parse(str(page), PythonCodeBlockParser()):
        lines += ["\n"] * (example.line + example.parsed.line_offset - len(lines))
        lines += str(example.parsed).splitlines(keepends=True)
    linecache.cache[str(page)] = (0, None, lines, str(page))


def run(page: Path) -> None:
    """Run the Python blocks of a page, then send its requests.

    Flask accepts no further views after the first request.
    """
    exchanges: list[Exchange] = []
    unanswered: list[Example] = []

    def collect(example: Example) -> None:
        if not example.parsed.startswith("HTTP/"):
            unanswered.append(example)
        else:
            exchanges.append(Exchange(example.namespace["app"], unanswered.pop(), example))

    document = Document.parse(
        str(page), PythonCodeBlockParser(), CodeBlockParser("http", collect), SkipParser()
    )
    document.namespace["__name__"] = page.stem
    show_source(page)
    for example in document:
        example.evaluate()
    assert not unanswered, "a request is shown without its answer"
    for exchange in exchanges:
        exchange.check()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_right(page: Path) -> None:
    text = page.read_text()
    for sign, package in EXTRAS.items():
        if sign in text:
            pytest.importorskip(package)
    run(page)


WRONG_ANSWERS = [
    "HTTP/1.1 200 OK\n\nhello",
    "HTTP/1.1 404 NOT FOUND\nX-Own: 1\n\n…",
    "HTTP/1.1 404 NOT FOUND\n\nhello",
]


@pytest.mark.parametrize("answer", WRONG_ANSWERS)
def test_a_wrong_example_is_found(answer: str, tmp_path: Path) -> None:
    page = tmp_path / "wrong.md"
    page.write_text(
        "```python\nfrom flask import Flask\n\napp = Flask('wrong')\n```\n\n"
        f"```http\nGET / HTTP/1.1\n```\n\n```http\n{answer}\n```\n"
    )
    with pytest.raises(AssertionError, match=r"wrong\.md:11"):
        run(page)


def requests_of_all_pages() -> list[str]:
    examples = [
        example.parsed.strip()
        for page in PAGES
        for example in Document.parse(str(page), CodeBlockParser("http"))
    ]
    return [text for text in examples if not text.startswith("HTTP/")]


@pytest.fixture
def echo() -> Iterator[str]:
    """Run a server that answers with the request line, the header fields and the body."""
    app = Flask(__name__)

    @app.before_request
    def answer() -> Any:
        line = f"{request.method} {request.full_path.rstrip('?')}"
        body = request.get_data(as_text=True)
        return {"line": line, "fields": dict(request.headers), "body": body}

    with serving(app) as address:
        yield address


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_command_that_a_reader_copies_sends_the_request_that_is_shown(echo: str) -> None:
    for text in requests_of_all_pages():
        command = ["sh", "-c", curl(text).replace(SERVER, echo).replace("curl -i", "curl -s", 1)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        head, _, body = text.partition("\n\n")
        first, *fields = head.splitlines()
        if first.startswith("HEAD "):
            continue  # its answer has no body
        sent = json.loads(done.stdout)
        assert f"{sent['line']} HTTP/1.1" == first
        assert sent["body"] == body
        assert ("Content-Type" in sent["fields"]) is ("content-type:" in head.lower()), text
        for field in fields:
            name, _, value = field.partition(":")
            assert sent["fields"][name.title()] == value.strip()


def test_every_key_is_in_the_configuration_table_with_its_default() -> None:
    page = (DOCS / "configuration.md").read_text()
    rows = re.findall(r"^\| `(APIERRORS_\w+)` \| `([^`]+)` \|", page, re.MULTILINE)
    defaults = Config()
    shown = {key: eval(value) for key, value in rows}  # literals of our own
    assert shown == {
        key: getattr(defaults, key.removeprefix("APIERRORS_").lower()) for key in _CHECKS
    }


def test_the_table_of_messages_is_the_table_of_the_package() -> None:
    page = (DOCS / "configuration.md").read_text()
    page = page.partition("## `APIERRORS_MESSAGES`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `\"?([\w-]+)\"?` \| (.+?)(?: \(`.*)? \|$", page, re.MULTILINE)
    detailed = {str(status): row.sentence for status, row in STATUSES.items() if row.short}
    assert dict(rows) == detailed | NAMED


def test_contributing_lists_the_wings_in_their_order() -> None:
    table = (
        (ROOT / "CONTRIBUTING.md").read_text().partition("## The wings")[2].partition("\n## ")[0]
    )
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| `")]
    assert [row.strip("`").removesuffix("/") for row in rows] == list(WINGS)
