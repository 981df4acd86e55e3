"""The words of an author reach the client, in whatever he put them."""

from __future__ import annotations

import enum
from collections import UserDict
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Conflict, HTTPException, NotFound

from flask_apierrors._core.config import Config
from flask_apierrors._core.errors import FieldError
from flask_apierrors._core.words import Words, sentence_of, words_of, words_of_data

APP = Flask(__name__)
CONFIG = Config()


def read(value: object, status: int = 409) -> Words:
    return words_of(
        value, status, APP.request_class({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "2"}), CONFIG
    )


def read_data(exc: HTTPException, data: dict[str, Any]) -> Words:
    return words_of_data(exc, data, None, APP.request_class({"REQUEST_METHOD": "GET"}), CONFIG)


class Color(enum.Enum):
    RED = "Red."


class Silent:
    def __repr__(self) -> str:
        return "<Silent>"


class Same:
    def __repr__(self) -> str:
        return "<Same>"

    __str__ = __repr__


class Spoken:
    def __str__(self) -> str:
        return "Said."


class Broken(UserDict[str, str]):
    def __getitem__(self, key: str) -> str:
        raise RuntimeError("no items")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("No.", "No."),
        (b"No.", "No."),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ("  ", None),
        (Decimal("1.5"), "1.5"),
        (Color.RED, "Red."),
        (Spoken(), "Said."),
        (Silent(), None),
        (Same(), None),
        (Silent, None),
        (len, None),
        (range(3), None),
        (["A.", "B."], "A.; B."),
        (("A.", None, Silent()), "A."),
        ({"A."}, "A."),
        ([], None),
        ({}, None),
        ({"depth": "Low.", "code": 12}, "depth: Low.; code: 12"),
        ({"a": {"b": ["x", "y"]}}, "a.b: x; a.b: y"),
        (ValueError("No."), "No."),
        (KeyError("berth"), "berth"),
        (ValueError("A.", 5), "A.; 5"),
        (ValueError(), None),
        (ValueError({"depth": "Low."}), "depth: Low."),
        (OSError(2, "No such berth"), "[Errno 2] No such berth"),
    ],
)
def test_a_sentence_is_made_of_texts_and_never_of_a_repr(
    value: object, sentence: str | None
) -> None:
    assert sentence_of(value) == sentence


def test_a_sentence_ends_whatever_it_is_made_of() -> None:
    ring: list[object] = ["x"]
    ring.append(ring)
    assert len((sentence_of(ring) or "").split("; ")) <= 20
    assert sentence_of(["x"] * 1_000) == "; ".join(["x"] * 20)


@pytest.mark.parametrize("name", ["error", "message", "detail", "description"])
def test_one_member_of_a_mapping_is_the_sentence_and_the_others_are_members(name: str) -> None:
    assert read({name: "Taken.", "code": 12}) == Words("Taken.", {"code": 12})


def test_the_first_name_with_a_text_is_the_sentence() -> None:
    assert read({"detail": "D.", "error": None, "message": "M."}) == Words(
        "M.", {"detail": "D.", "error": None}
    )


def test_the_sentence_may_be_one_level_down() -> None:
    assert read({"error": {"message": "Taken.", "code": 12}, "success": False}) == Words(
        "Taken.", {"success": False, "code": 12}
    )
    ring: dict[str, object] = {}
    ring["error"] = ring
    assert read(ring).text is None


def test_an_exception_gives_what_it_was_made_with() -> None:
    assert read(ValueError({"message": "Taken.", "code": 12})) == Words("Taken.", {"code": 12})


def test_a_mapping_that_fails_says_nothing() -> None:
    assert read(Broken(a="x")) == Words()


def test_errors_beside_a_sentence_are_the_single_mistakes() -> None:
    words = read({"message": "No.", "errors": ["A.", {"code": 7}, Silent(), 3]})
    assert words == Words("No.", {}, (FieldError("A."), {"code": 7}, FieldError("3")))
    assert read({"errors": ["A.", "B."]}).text == "A.; B."
    assert read({"message": "No.", "errors": "A."}) == Words("No.", {}, (FieldError("A."),))
    assert read({"errors": "A."}) == Words("A.", {}, (FieldError("A."),))


@pytest.mark.parametrize("status", [400, 422])
def test_texts_by_field_are_what_a_validator_found(status: int) -> None:
    words = read({"name": ["Missing."], "at": {"x": ["No."]}}, status)
    assert words.text == "Invalid 'name': Missing.; Invalid 'at.x': No."
    assert [error.pointer for error in words.errors if isinstance(error, FieldError)] == [
        "#/name",
        "#/at/x",
    ]
    assert words.is_validation
    words = read({"message": "No.", "errors": {"name": "Missing."}}, status)
    assert (words.text, len(words.errors), words.members) == ("No.", 1, {})


def test_a_field_may_have_the_name_of_a_sentence() -> None:
    assert read({"description": ["Missing."]}, 400).text == "Invalid 'description': Missing."


def test_texts_by_field_of_another_status_stay_what_they_are() -> None:
    assert read({"name": ["Taken."]}, 409) == Words("name: Taken.", {"name": ["Taken."]})


def test_data_of_an_abort_has_a_message_errors_and_headers() -> None:
    exc = Conflict()
    data = {"message": "Taken.", "errors": ["A."], "headers": {"X-Berth": "7"}, "code": 12}
    assert read_data(exc, data) == Words(
        "Taken.", {"code": 12}, (FieldError("A."),), (("X-Berth", "7"),)
    )
    exc.exc = None  # type: ignore[attr-defined]
    assert read_data(exc, data).members == {}
    assert read_data(NotFound(), {}) == Words()


@given(
    st.recursive(
        st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.booleans(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from([400, 409, 422]),
)
def test_every_value_can_be_read(value: object, status: int) -> None:
    words = read(value, status)
    assert words.text is None or str(words.text).strip()
