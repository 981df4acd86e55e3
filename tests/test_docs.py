"""What the documentation shows is what happens.

``docs/index.md`` tells readers how to read the examples: the Python blocks of a page are one program, an ``http`` block is a
request to the ``app`` of that program, and the next one its answer.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sybil import Document, Example
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser

from flask_apierrors._core.config import _CHECKS, Config
from flask_apierrors._core.sentences import NAMED
from flask_apierrors._core.statuses import STATUSES
from tests.test_house import WINGS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ANYTHING = "…"
#: What shows that a page uses an extra -> what the extra installs.
EXTRAS = {
    "flask_apierrors.jwt": "jwt",
    "flask_apierrors.openapi": "apispec",
    "async def": "asgiref",
}


class Exchange(NamedTuple):
    """A request to the app that was defined above it, and the answer to it."""

    app: Flask
    request: Example
    answer: Example

    def check(self) -> None:
        """Send the request and compare. An answer is shown with the fields that matter there, and with its whole body."""
        (method, target, _), fields, body = parts(self.request)
        given = self.app.test_client().open(
            target, method=method, headers=fields, data=body.encode() or None
        )
        (_, status), shown_fields, shown_body = parts(self.answer, 1)
        where = f"{self.answer.path}:{self.answer.line}"
        assert given.status.upper() == status.upper(), f"{where}: {given.status}, {given.text}"
        for name, value in shown_fields:
            values = given.headers.getlist(name)
            assert any(matches(value, one) for one in values), f"{where}: {name}: {values}"
        if given.is_json or given.content_type == "application/problem+json":
            assert_same(json.loads(shown_body), given.get_json(), where)
        else:
            assert matches(shown_body, given.text.replace("\r\n", "\n").strip()), (
                f"{where}: {given.text}"
            )


def parts(example: Example, splits: int = 2) -> tuple[list[str], list[tuple[str, str]], str]:
    """A message as its first line in words, its header fields and its body."""
    head, _, body = example.parsed.partition("\n\n")
    first, *lines = head.strip().splitlines()
    names_and_values = (line.partition(":") for line in lines)
    return (
        first.split(" ", splits),
        [(name, value.strip()) for name, _, value in names_and_values],
        body.strip(),
    )


def assert_same(shown: Any, given: Any, where: str) -> None:
    """The same JSON, members in the same order; the sign for anything stands for any text."""
    if isinstance(shown, dict) and isinstance(given, dict):
        assert list(shown) == list(given), f"{where}: {given}"
        for name, value in shown.items():
            assert_same(value, given[name], where)
    elif isinstance(shown, list) and isinstance(given, list):
        assert len(shown) == len(given), f"{where}: {given}"
        for one, other in zip(shown, given, strict=True):
            assert_same(one, other, where)
    elif isinstance(shown, str) and isinstance(given, str):
        assert matches(shown, given), f"{where}: {given}"
    else:
        assert shown == given, f"{where}: {given}"


def matches(shown: str, given: str) -> bool:
    return (
        re.fullmatch(".+".join(map(re.escape, shown.split(ANYTHING))), given, re.DOTALL) is not None
    )


def run(page: Path) -> None:
    """Run the Python blocks of a page, then send its requests: Flask takes no more views after the first request."""
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
    for example in document:
        example.evaluate()
    assert not unanswered, "a request is shown without its answer"
    for exchange in exchanges:
        exchange.check()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_hold(page: Path) -> None:
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
def test_an_example_that_does_not_hold_is_noticed(answer: str, tmp_path: Path) -> None:
    page = tmp_path / "wrong.md"
    page.write_text(
        "```python\nfrom flask import Flask\n\napp = Flask('wrong')\n```\n\n"
        f"```http\nGET / HTTP/1.1\n```\n\n```http\n{answer}\n```\n"
    )
    with pytest.raises(AssertionError, match=r"wrong\.md:11"):
        run(page)


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_each_key_is_in_the_configuration_table_with_its_default(page: str) -> None:
    rows = re.findall(
        r"^\| `(APIERRORS_\w+)` \| `([^`]+)` \|", (ROOT / page).read_text(), re.MULTILINE
    )
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


def test_contributing_names_the_wings_in_their_order() -> None:
    table = (
        (ROOT / "CONTRIBUTING.md").read_text().partition("## The wings")[2].partition("\n## ")[0]
    )
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| `")]
    assert [row.strip("`").removesuffix("/") for row in rows] == list(WINGS)
