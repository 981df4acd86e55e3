from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_apierrors._core.text import as_json, as_text, has_text, paragraphs
from tests.hostile import Broken, Lazy, Shy


class WithRepr:
    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__


class NotAString:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class Rebel(str):
    __slots__ = ()

    def isascii(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


class RebelText:
    def __str__(self) -> str:
        return Rebel("mine")


class Color(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Endless(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return self

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            yield str(number)
            number += 1

    def __len__(self) -> int:
        return 1


HOSTILE = st.sampled_from(
    [
        Shy(),
        Lazy(),
        NotAString(),
        Rebel("x"),
        RebelText(),
        Broken(),
        ValueError("x"),
        object,
        math.nan,
        ...,
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(alphabet=st.characters()),
    st.text(alphabet=st.characters(categories=["Cs"])),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.decimals(),
    st.uuids(),
    st.complex_numbers(),
    HOSTILE,
)
KEYS = st.one_of(
    st.none(),
    st.integers(),
    st.text(),
    st.binary(),
    st.floats(),
    HOSTILE.filter(lambda key: not isinstance(key, Broken)),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=4),
        st.tuples(below, below),
        st.dictionaries(KEYS, below, max_size=4),
        st.frozensets(st.integers() | st.text(), max_size=4),
    ),
    max_leaves=10,
)


# -- text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("é 東京 😀", "é 東京 😀"),
        (b"bytes \xff", "bytes \ufffd"),
        (bytearray(b"more"), "more"),
        (Lazy(), "translated"),
        (Shy(), "<Shy>"),
        (NotAString(), "<NotAString>"),
        (Rebel("mine"), "mine"),
        (RebelText(), "mine"),
        (Color.RED, "red"),
        (ValueError("why"), "why"),
        ({"a": 1}, "{'a': 1}"),
        (None, "None"),
        ("\ud800", "\ufffd"),
        ("a\udfffb", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_every_object_becomes_text(value: object, text: str) -> None:
    converted = as_text(value)
    assert converted == text
    assert type(converted) is str


def test_an_integer_too_long_for_python_is_named_by_its_class() -> None:
    assert as_text(10**5000) == as_json(10**5000) == "<int>"


@given(ANYTHING)
def test_the_text_of_any_object_can_be_encoded(value: object) -> None:
    assert type(as_text(value)) is str
    as_text(value).encode()


@given(st.text())
def test_well_formed_text_is_unchanged(text: str) -> None:
    assert as_text(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", True),
        (Lazy(), True),
        (ValueError("text"), True),
        (UUID(int=7), True),
        (None, False),
        (7, False),
        (b"text", False),
        (["text"], False),
        ({"error": "text"}, False),
        (object(), False),
        (WithRepr(), False),
    ],
)
def test_a_repr_is_no_text(value: object, expected: bool) -> None:
    assert has_text(value) is expected


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        (None, ("", "")),
        ("One line.", ("One line.", "")),
        (
            "First\n    line.\n\n    And\n    more.\n\n    Last.\n    ",
            ("First line.", "And more. Last."),
        ),
    ],
)
def test_a_docstring_is_split_into_its_first_paragraph_and_the_rest(
    doc: str | None, expected: tuple[str, str]
) -> None:
    assert paragraphs(doc) == expected


# -- JSON


@given(value=ANYTHING)
@example(value=Broken())
def test_every_object_becomes_json_that_a_strict_parser_reads(
    value: object, strict_json: Callable[[str], Any]
) -> None:
    plain = as_json(value)
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
    assert strict_json(text) == plain
    text.encode()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda below: st.lists(below, max_size=4),
        max_leaves=10,
    )
)
def test_a_json_value_is_unchanged(value: object) -> None:
    assert as_json(value) == value


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({1: "a", "b": 2, None: 3, b"c": 4}, {"1": "a", "b": 2, "None": 3, "c": 4}),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({2, 1}), [1, 2]),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (date(2025, 5, 25), "2025-05-25"),
        (datetime(2025, 5, 25, tzinfo=timezone.utc), "2025-05-25T00:00:00+00:00"),
        (Level.HIGH, 3),
        (Color.RED, "red"),
        (2**1023, 2**1023),
        (2**1100, str(2**1100)),
        (b"bytes", "bytes"),
        (KeyError("k"), "'k'"),
    ],
)
def test_other_values_become_the_nearest_json_value(value: object, plain: object) -> None:
    converted = as_json(value)
    assert converted == plain
    assert type(converted) is type(plain)


def test_a_mapping_that_fails_becomes_text() -> None:
    assert as_json({"a": Broken(), "b": 1})["b"] == 1
    assert "Broken" in as_json(Broken())


def test_a_value_that_contains_itself_is_cut_off() -> None:
    ring: dict[str, Any] = {}
    ring["self"] = ring
    text = json.dumps(as_json(ring))
    assert "\\u2026" in text
    assert text.count("self") == 33


@pytest.mark.parametrize(
    "value", [[0] * 1_000_000, {n: n for n in range(50_000)}, set(range(50_000)), Endless()]
)
def test_a_value_that_is_too_large_is_cut_off(value: object) -> None:
    assert len(json.dumps(as_json(value))) < 2_000_000


def test_a_wide_and_deep_tree_is_cut_off() -> None:
    tree: Any = "leaf"
    for _ in range(20):
        tree = [tree] * 100
    assert len(json.dumps(as_json(tree))) < 5_000_000
