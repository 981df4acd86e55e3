"""Promises of text for terminals: it fits, says everything, and can be printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors._cli.terminal import RULE, printable, table, wrapped

HEAD = ("Endpoint", "Path", "Errors")
ROWS = [
    ("measurements.read", "/measurements/<domain>/<path:expression>", "401, 404 series-not-found"),
    ("health", "/health", "500"),
]


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    lines = table(HEAD, ROWS, 100)
    assert len(lines) == 4
    assert lines[1] == RULE * len(lines[2])
    assert lines[2].split("  ")[0] == "measurements.read"
    assert [line.find("/") for line in lines[2:]] == [19, 19]


def test_the_cells_of_a_narrow_table_break_at_their_joints() -> None:
    lines = table(HEAD, ROWS, 50)
    assert max(map(len, lines)) <= 50
    assert any(line.startswith("measurements.  ") for line in lines)


def test_the_lines_of_a_cell_stay_lines() -> None:
    lines = table(("A", "B"), [("one\ntwo", "x")], 40)
    assert lines[2:] == ["one  x", "two"]


def test_what_fits_no_table_is_a_list() -> None:
    lines = table(HEAD, ROWS, 24)
    assert lines[0] == "measurements.read"
    assert "  Errors: 401, 404" in lines
    assert max(map(len, lines)) <= 24


CELLS = st.text("ab ./:,_-<>\n", max_size=40).map(lambda text: text.strip() or "x")


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4), st.integers(1, 120))
def test_a_table_fits_any_width_and_leaves_nothing_out(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    lines = table(HEAD, rows, width)
    assert max(map(len, lines), default=0) <= max(width, 5)
    is_table = len(lines) > 1 and lines[1].startswith(RULE)
    printed = squeezed("".join(lines[2:] if is_table else lines))
    for character in squeezed("".join(map("".join, rows))):
        assert character in printed
    if is_table:
        assert len(printed) == len(squeezed("".join(map("".join, rows))))


@given(st.text(max_size=200), st.integers(1, 60), st.sampled_from(["", "  ", "    "]))
def test_a_paragraph_fits_any_width(text: str, width: int, indent: str) -> None:
    assert all(len(line) <= max(width, len(indent) + 1) for line in wrapped(text, width, indent))


@pytest.mark.parametrize(
    ("text", "encoding", "printed"),
    [
        (f"{RULE}{RULE} \u201cé\u201d \u2026", "utf-8", f"{RULE}{RULE} \u201cé\u201d \u2026"),
        (f"{RULE}{RULE} \u201cé\u201d \u2026", "latin-1", '-- "é" ...'),
        (f"{RULE}{RULE} \u201cé\u201d \u2026", "ascii", '-- "?" ...'),
    ],
)
def test_what_an_encoding_does_not_have_is_replaced(text: str, encoding: str, printed: str) -> None:
    assert printable(text, encoding) == printed


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8"]))
def test_any_text_can_be_printed(text: str, encoding: str) -> None:
    assert printable(text, encoding).encode(encoding) is not None
