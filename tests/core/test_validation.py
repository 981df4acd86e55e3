from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_apierrors._core.errors import FieldError, FieldErrors
from flask_apierrors._core.validation import (
    Dialect,
    FieldMessage,
    Invalid,
    LazyErrors,
    Message,
    Path,
    Place,
    describe,
)
from tests.hostile import Broken, Lazy, Shy

NOT_AN_INTEGER = "Not a valid integer."


def resolve(pointer: str, document: Any) -> Any:
    """Follow a pointer as RFC 6901 sections 4 and 6 say."""
    assert pointer.startswith("#")
    node = document
    for token in unquote(pointer[1:], errors="strict").split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        node = node[int(name)] if isinstance(node, list) else node[name]
    return node


# -- the sentence


def test_the_sentence_names_the_field() -> None:
    invalid = describe({"limit": [NOT_AN_INTEGER]}, 20)
    assert invalid.sentence == "Invalid 'limit': Not a valid integer."


def test_the_sentence_names_the_path_to_a_nested_field() -> None:
    invalid = describe({"items": {3: {"name": ["Missing."]}}}, 20)
    assert invalid.sentence == "Invalid 'items[3].name': Missing."


def test_lazy_errors_are_made_when_they_are_read() -> None:
    errors = LazyErrors(FieldError, ["Bad.", "Worse."])
    assert (len(errors), errors[0]) == (2, FieldError("Bad."))
    assert errors[1:] == [FieldError("Worse.")]


def test_a_message_about_the_whole_names_no_field() -> None:
    assert describe(["It is Sunday."], 20) == Invalid(
        FieldErrors([FieldError("It is Sunday.", pointer="#")]), ("It is Sunday.",), 0
    )
    assert describe(["No."], 20, "query").errors == (FieldError("No.", location="query"),)
    assert describe("It is Sunday.", 20).sentence == "It is Sunday."


def test_several_messages_are_joined_in_their_order() -> None:
    messages = {
        "limit": [NOT_AN_INTEGER],
        "numbers": {1: [NOT_AN_INTEGER], 2: [NOT_AN_INTEGER]},
        "unknown": ["Unknown field."],
    }
    assert describe(messages, 20).sentence == (
        "Invalid 'limit': Not a valid integer.; Invalid 'numbers[1]': Not a valid integer.; "
        "Invalid 'numbers[2]': Not a valid integer.; Invalid 'unknown': Unknown field."
    )


def test_a_field_is_named_once_for_all_its_messages() -> None:
    assert (
        describe({"a": ["Too short.", "Not lower case."]}, 20).sentence
        == "Invalid 'a': Too short. Not lower case."
    )
    assert describe(["Too late.", "It is Sunday."], 20).sentence == "Too late. It is Sunday."


def test_errors_beyond_the_limit_are_counted() -> None:
    invalid = describe({"numbers": {index: [NOT_AN_INTEGER] for index in range(1_010)}}, 20)
    assert len(invalid.errors) == len(invalid.sentences) == 20
    assert invalid.more == 990
    assert invalid.sentence.endswith("; Invalid 'numbers[19]': Not a valid integer.; and 990 more")


def test_as_many_errors_as_the_limit_leave_nothing_to_count() -> None:
    invalid = describe({index: ["no"] for index in range(20)}, 20)
    assert (len(invalid.errors), invalid.more) == (20, 0)
    assert "more" not in invalid.sentence


def test_the_sentence_names_the_kind_of_value() -> None:
    assert (
        describe({"to": [FieldMessage("Bad.", "timestamp")]}, 20).sentence
        == "Invalid 'to' timestamp: Bad."
    )
    assert describe([FieldMessage("Bad.", "timestamp")], 20).sentence == "Bad."


@pytest.mark.parametrize("messages", [{}, [], {"a": []}, {"a": {"b": {}}}, (), {"a": [[]]}])
def test_a_tree_without_leaves_has_no_errors(messages: Any) -> None:
    assert describe(messages, 20) == Invalid(FieldErrors(()), (), 0)
    assert describe(messages, 20).sentence == ""


@pytest.mark.parametrize("blank", ["", "  ", b"", "\n"])
def test_a_blank_message_is_replaced(blank: object) -> None:
    assert describe({"a": [blank]}, 20).sentence == "Invalid 'a': Invalid value."


# -- pointers and parameters


@pytest.mark.standard("pointer-escapes")
@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("a/b", "#/a~1b"),
        ("m~n", "#/m~0n"),
        ("~1", "#/~01"),
        (" ", "#/%20"),
        ("é", "#/%C3%A9"),
        ("", "#/"),
        ("%", "#/%25"),
        ('"', "#/%22"),
        ("\\", "#/%5C"),
        ("^|`{}", "#/%5E%7C%60%7B%7D"),
        ("#", "#/%23"),
        ("k?=&", "#/k?=&"),
        ("😀", "#/%F0%9F%98%80"),
        ("01", "#/01"),
        ("-", "#/-"),
    ],
)
def test_a_pointer_is_escaped_and_leads_to_the_value(name: str, pointer: str) -> None:
    (error,) = describe({name: ["no"]}, 20).errors
    assert error == FieldError("no", pointer=pointer)
    assert resolve(pointer, {name: "value"}) == "value"


@pytest.mark.standard("pointer-escapes")
@given(st.lists(st.one_of(st.text(max_size=20), st.integers(0, 10)), min_size=1, max_size=5))
def test_every_pointer_is_a_uri_fragment_that_leads_to_the_value(path: list[str | int]) -> None:
    steps = [
        step
        if isinstance(step, int)
        else step.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for step in path
    ]
    messages: Any = ["no"]
    document: Any = "value"
    for step in reversed(steps):
        messages = {step: messages}
        document = [document] * (step + 1) if isinstance(step, int) else {step: document}
    (error,) = describe(messages, 20).errors
    assert error.pointer is not None
    assert error.pointer.isascii()
    assert not set(error.pointer) & set(' "<>\\^`{|}')
    assert resolve(error.pointer, document) == "value"


def test_a_field_with_an_empty_name_is_named() -> None:
    assert describe({"": ["Unknown field."]}, 20).sentence == "Invalid '': Unknown field."
    assert describe({"": ["Unknown field."]}, 20, "query").errors == (
        FieldError("Unknown field.", parameter="", location="query"),
    )


@pytest.mark.standard("parameter-instead-of-pointer")
def test_outside_the_body_an_error_names_its_parameter() -> None:
    assert describe({"to": ["no"]}, 20, "query").errors == (
        FieldError("no", parameter="to", location="query"),
    )
    assert describe({"ids": {1: ["no"]}}, 20, "query").errors == (
        FieldError("no", parameter="ids", location="query"),
    )
    assert describe({"ids": {1: ["no"]}}, 20, "query").sentence == "Invalid 'ids[1]': no"
    assert describe({0: {"a": ["no"]}}, 20, "query").errors == (
        FieldError("no", parameter="[0].a", location="query"),
    )


def test_each_value_can_have_a_location_of_its_own() -> None:
    locations = {"a": "path", "b": None}
    invalid = describe({"a": ["no"], "b": ["no"]}, 20, lambda path: locations[str(path[0])])
    assert invalid.errors == (
        FieldError("no", parameter="a", location="path"),
        FieldError("no", pointer="#/b"),
    )


class Here(Dialect):
    """A language whose trees have a step ``here``, and messages with codes."""

    def place(self, path: Path, text: object) -> Place:
        steps = tuple(step for step in path if step != "here")
        return Place(steps[:1], steps)

    def messages(
        self, node: Mapping[Any, Any], path: Path | None = None
    ) -> Sequence[Message] | None:
        text = node["message"]
        return [Message(text, node.get("code"), {"min": 3})] if isinstance(text, str) else None


def test_a_library_can_have_words_of_its_own() -> None:
    invalid = describe({"a": {"here": {"b": ["no"]}}, "here": ["no"]}, 20, dialect=Here())
    assert [error.pointer for error in invalid.errors] == ["#/a", "#"]
    assert invalid.sentence == "Invalid 'a.b': no; no"


@pytest.mark.parametrize(
    ("code", "reported"), [("short", "short"), (7, 7), (Lazy(), "translated"), (None, None)]
)
def test_a_message_can_have_a_code(code: object, reported: object) -> None:
    messages = {"a": [{"message": "Too short.", "code": code}], "b": {"message": ["no"]}}
    invalid = describe(messages, 20, dialect=Here())
    assert invalid.errors[0].to_dict() == {
        "detail": "Too short.",
        "pointer": "#/a",
        "params": {"min": 3},
        **({} if reported is None else {"code": reported}),
    }
    assert invalid.sentence == "Invalid 'a': Too short.; Invalid 'b.message': no"
    assert describe(messages, 1, dialect=Here()).more == 1
    assert describe({"b": ["no"], **messages}, 1, "query", dialect=Here()).more == 1
    assert describe({"c": ["no"], **messages}, 1, dialect=Here()).more == 2


def test_a_mapping_that_fails_is_reported_as_text() -> None:
    (error,) = describe({"a": Broken()}, 20).errors
    assert "Broken" in error.detail


# -- any object at all


class Endless(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return "no"

    def __iter__(self) -> Iterator[str]:
        while True:
            yield "again"

    def __len__(self) -> int:
        return 1


class Hostile:
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


HOSTILE = st.sampled_from(
    [Shy(), Lazy(), Hostile(), ValueError("x"), FieldMessage("y", "kind"), object(), -1, True, ...]
)
LEAVES = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.binary(),
    st.text(alphabet=st.characters()),
    st.text(alphabet=st.characters(categories=["Cs"])),
    HOSTILE,
)
TREES = st.recursive(
    st.one_of(LEAVES, st.just(Broken())),
    lambda below: st.one_of(
        st.lists(below, max_size=5),
        st.dictionaries(LEAVES, below, max_size=5),
        st.tuples(below, below),
        st.frozensets(LEAVES, max_size=3),
    ),
    max_leaves=40,
)


@given(messages=TREES, most=st.integers(1, 5))
@example(messages={1: ["a"], "1": ["b"], None: ["c"], b"x": ["d"], "e": ["e"]}, most=5)
def test_every_tree_can_be_described(messages: Any, most: int) -> None:
    invalid = describe(messages, most)
    assert len(invalid.sentences) <= len(invalid.errors) <= most
    assert all(sentence.strip() for sentence in invalid.sentences)
    assert not invalid.more or len(invalid.errors) == most
    json.dumps([error.to_dict() for error in invalid.errors], ensure_ascii=False).encode()
    invalid.sentence.encode()


def test_integers_that_cannot_be_an_index_are_names() -> None:
    invalid = describe({10**5000: ["a"], -1: ["b"], True: ["c"], 0: ["d"]}, 20)
    assert [error.pointer for error in invalid.errors] == ["#/%3Cint%3E", "#/-1", "#/True", "#/0"]


def test_messages_of_any_type_are_reported_as_text() -> None:
    invalid = describe({"a": [Lazy(), b"bytes", ValueError("why"), Shy(), "\ud800", None, 5]}, 20)
    assert [error.detail for error in invalid.errors] == [
        "translated",
        "bytes",
        "why",
        "<Shy>",
        "\ufffd",
        "None",
        "5",
    ]


def test_a_tree_that_contains_itself_ends() -> None:
    ring: dict[str, Any] = {}
    ring["again"] = ring
    assert describe(ring, 20) == Invalid(FieldErrors(()), (), 0)
    ring["leaf"] = ["no"]
    assert 1 <= len(describe(ring, 20).errors) <= 20
    wide: list[Any] = []
    wide.extend([wide] * 3)
    assert describe(wide, 20) == Invalid(FieldErrors(()), (), 0)


def test_a_tree_deeper_than_any_stack_ends() -> None:
    deep: Any = ["no"]
    for _ in range(100_000):
        deep = {"a": deep}
    assert describe(deep, 20).errors == ()


def test_an_endless_tree_ends() -> None:
    invalid = describe({"a": Endless()}, 20)
    assert len(invalid.errors) == 20
    assert 0 < invalid.more < 100_000


def test_the_size_of_a_description_is_bounded() -> None:
    long = "x" * 1_000_000
    invalid = describe({long: [long], "b": {long: [long]}}, 20)
    assert len(invalid.sentence) < 3_000
    assert invalid.errors[0].detail == "x" * 1_000 + "…"
    assert len(json.dumps([error.to_dict() for error in invalid.errors])) < 4_000
