"""Write ``docs/standards.md`` from a run of the tests that prove it: ``make standards``."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.standards.items import ITEMS, Item

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "standards.md"
#: The best first: of several tests, the worst result counts.
RESULTS = (PASS, NOT_RUN, FAIL) = ("pass", "not run", "**fail**")
DOES_NOT_APPLY = "does not apply"
SOURCE_CODE = "https://github.com/flask-apierrors/flask-apierrors/blob/main"
OWASP = "https://cheatsheetseries.owasp.org/cheatsheets"
#: Where sources are, by a pattern of their names.
LINKS = {
    r"RFC (\d+) section ([\d.]+)": r"https://www.rfc-editor.org/rfc/rfc\1#section-\2",
    r"RateLimit draft 10 section ([\d.]+)": r"https://datatracker.ietf.org/doc/html/"
    r"draft-ietf-httpapi-ratelimit-headers-10#section-\1",
    r"RateLimit draft 10": "https://datatracker.ietf.org/doc/html/"
    "draft-ietf-httpapi-ratelimit-headers-10",
    r"Google AIP-(\d+)": r"https://google.aip.dev/\1",
    r"CWE-(\d+)": r"https://cwe.mitre.org/data/definitions/\1.html",
    r"OWASP REST Security": f"{OWASP}/REST_Security_Cheat_Sheet.html",
    r"OWASP Error Handling": f"{OWASP}/Error_Handling_Cheat_Sheet.html",
    r"OWASP Authentication": f"{OWASP}/Authentication_Cheat_Sheet.html",
    r"ASP.NET Core exception handler": "https://github.com/dotnet/aspnetcore/blob/main/src/"
    "Middleware/Diagnostics/src/ExceptionHandler/ExceptionHandlerMiddlewareImpl.cs",
    r"Schemathesis checks": "https://schemathesis.readthedocs.io/en/stable/reference/checks/",
    r"Spectral OWASP ruleset": "https://github.com/stoplightio/spectral-owasp-ruleset",
}
TOP = """\
# Standards

<!-- `make standards` writes this page. Change tests/standards/items.py, or the tests. -->

This page lists what the standards for HTTP, authentication, and web security require of errors, and
which of it flask_apierrors meets. Run `make standards` in the repository to repeat the tests and to
write this page again.

"""
COUNTS = "Of {} requirements, {} pass, {} fail, and {} do not apply.\n"
TABLE = """
| requirement | source | result | test, or reason |
|---|---|---|---|
"""


class Proof(NamedTuple):
    """A test that proves requirements."""

    test: str
    path: str
    #: Why the test is expected to fail.
    reason: str


def proofs() -> dict[str, list[Proof]]:
    """Return the tests with the mark ``standard``, by the name of the requirement."""
    result: dict[str, list[Proof]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = dict(_marks(node))
                reason = str(marks.get("xfail", ["", ""])[-1])
                proof = Proof(node.name, path.relative_to(ROOT).as_posix(), reason)
                for name in marks.get("standard", ()):
                    result.setdefault(name, []).append(proof)
    return result


def _marks(function: ast.FunctionDef) -> Iterator[tuple[str, list[str]]]:
    """Yield the marks of a test, with the texts that they are called with."""
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("pytest.mark."):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            texts = [ast.literal_eval(value) for value in values if isinstance(value, ast.Constant)]
            yield ast.unparse(call.func).removeprefix("pytest.mark."), texts


def render(results: Mapping[str, str]) -> str:
    """Return the page.

    :param results: One of :data:`RESULTS` for each requirement that has tests.
    """
    tests = proofs()
    counts = dict.fromkeys((PASS, FAIL, DOES_NOT_APPLY, NOT_RUN), 0)
    text = ""
    for heading, items in ITEMS.items():
        text += f"\n## {heading}\n{TABLE}"
        for item in items:
            result = DOES_NOT_APPLY if item.does_not_apply else results.get(item.name, NOT_RUN)
            counts[result] += 1
            text += _row(item, result, tests.get(item.name, []))
    return TOP + COUNTS.format(sum(counts.values()), *counts.values()) + text


def _row(item: Item, result: str, tests: list[Proof]) -> str:
    sources = ", ".join(_link(source) for source in item.source.split("; "))
    evidence = item.does_not_apply or "<br>".join(map(_evidence, tests))
    return f"| {item.sentence} | {sources} | {result} | {evidence} |\n"


def _evidence(proof: Proof) -> str:
    words = proof.test.removeprefix("test_").replace("_", " ")
    reason = f": {proof.reason}" if proof.reason else ""
    return f"[{words}]({SOURCE_CODE}/{proof.path}){reason}"


def _link(source: str) -> str:
    pattern = next(each for each in LINKS if re.fullmatch(each, source))
    return f"[{source}]({re.sub(pattern, LINKS[pattern], source)})"


class Recorder:
    """A plugin of pytest that keeps the worst result of each requirement."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the result of each phase of a test."""
        report = yield
        result = {"passed": PASS, "skipped": NOT_RUN}.get(report.outcome, FAIL)
        if hasattr(report, "wasxfail"):
            result = FAIL
        for mark in item.iter_markers("standard"):
            for name in mark.args:
                worst = max(result, self.results.get(name, PASS), key=RESULTS.index)
                self.results[name] = worst
        return report


def main() -> int:
    """Run the tests, and write the page whatever their results are."""
    recorder = Recorder()
    options = ["-q", "-m", "standard"]
    # This module is one of the tests that pytest would rewrite.
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    status = pytest.main([*options, str(ROOT / "tests")], plugins=[recorder])
    PAGE.write_text(render(recorder.results), "utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
