from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any
from urllib.parse import unquote

import marshmallow as ma
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, validate

from flask_apierrors._core.errors import FieldError
from flask_apierrors._core.validation import FieldMessage, Invalid, describe
from tests.hostile import Broken, Lazy, Shy

#: marshmallow 4 renamed it.
COLLECTION = next(
    name
    for name in signature(ma.validates_schema).parameters
    if name in ("pass_collection", "pass_many")
)
NOT_AN_INTEGER = "Not a valid integer."
MISSING = "Missing data for required field."


class Position(ma.Schema):
    lat = fields.Float(required=True)
    lon = fields.Float(data_key="longitude")


class Reading(ma.Schema):
    name = fields.Str(required=True)
    key = fields.Int()
    value = fields.Int()
    position = fields.Nested(Position)


class Order(ma.Schema):
    limit = fields.Int()
    items = fields.List(fields.Nested(Reading))
    numbers = fields.List(fields.Int())
    prices = fields.Dict(
        keys=fields.Str(validate=validate.Length(max=3, error="Too long.")), values=fields.Int()
    )
    vessels = fields.Dict(values=fields.Nested(Reading))
    lists = fields.Dict(values=fields.List(fields.Int()))
    tables = fields.Dict(values=fields.Dict(values=fields.Int()))
    tabled = fields.List(fields.Dict(values=fields.Int()))


def errors_of(schema: ma.Schema, data: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        schema.load(data)
    return caught.value


def normalized(error: ValidationError) -> Any:
    return error.normalized_messages()  # type: ignore[no-untyped-call]


def said_of(schema: ma.Schema, data: Any) -> Invalid:
    error = errors_of(schema, data)
    messages = normalized(error) if error.field_name != "_schema" else error.messages
    return describe(messages, 20, None, data)


def pointers_of(schema: ma.Schema, data: Any) -> list[str | None]:
    return [error.pointer for error in said_of(schema, data).errors]


def resolve(pointer: str, document: Any) -> Any:
    """RFC 6901 sections 4 and 6 by the letter."""
    assert pointer.startswith("#")
    node = document
    for token in unquote(pointer[1:], errors="strict").split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        node = node[int(name)] if isinstance(node, list) else node[name]
    return node


# -- the sentence


def test_the_sentence_names_the_field() -> None:
    assert said_of(Order(), {"limit": "x"}).sentence == "Invalid 'limit': Not a valid integer."


def test_the_sentence_names_the_path_to_a_nested_field() -> None:
    assert said_of(
        Order(), {"items": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {}]}
    ).sentence == ("Invalid 'items[3].name': Missing data for required field.")


def test_a_message_about_the_whole_stands_alone() -> None:
    assert describe(["It is Sunday."], 20) == Invalid(
        (FieldError("It is Sunday.", pointer="#"),), ("It is Sunday.",), 0
    )
    assert describe({"_schema": ["It is Sunday."]}, 20).sentence == "It is Sunday."
    assert describe({"_schema": ["No."]}, 20, "query").errors == (
        FieldError("No.", location="query"),
    )
    assert describe("It is Sunday.", 20).sentence == "It is Sunday."


def test_a_message_about_a_nested_whole_names_it() -> None:
    assert (
        describe({"items": {0: {"_schema": ["Too late."]}}}, 20).sentence
        == "Invalid 'items[0]': Too late."
    )


def test_several_messages_are_joined_in_their_order() -> None:
    found = said_of(Order(), {"limit": "x", "numbers": [1, "y", "z"], "unknown": 1})
    assert found.sentence == (
        "Invalid 'limit': Not a valid integer.; Invalid 'numbers[1]': Not a valid integer.; "
        "Invalid 'numbers[2]': Not a valid integer.; Invalid 'unknown': Unknown field."
    )


def test_several_messages_for_one_field_are_all_told() -> None:
    assert (
        describe({"a": ["Too short.", "Not lower case."]}, 20).sentence
        == "Invalid 'a': Too short.; Invalid 'a': Not lower case."
    )


def test_no_more_errors_are_told_than_may_be_and_the_others_are_counted() -> None:
    found = describe({"numbers": {index: [NOT_AN_INTEGER] for index in range(1_010)}}, 20)
    assert len(found.errors) == len(found.sentences) == 20
    assert found.more == 990
    assert found.sentence.endswith("; Invalid 'numbers[19]': Not a valid integer.; and 990 more")


def test_exactly_as_many_errors_as_may_be_leave_nothing_to_count() -> None:
    found = describe({index: ["no"] for index in range(20)}, 20)
    assert (len(found.errors), found.more) == (20, 0)
    assert "more" not in found.sentence


def test_a_kind_of_value_is_named() -> None:
    assert (
        describe({"to": [FieldMessage("Bad.", "timestamp")]}, 20).sentence
        == "Invalid 'to' timestamp: Bad."
    )
    assert describe([FieldMessage("Bad.", "timestamp")], 20).sentence == "Bad."


@pytest.mark.parametrize("messages", [{}, [], {"a": []}, {"a": {"b": {}}}, (), {"_schema": []}])
def test_a_tree_without_leaves_says_nothing(messages: Any) -> None:
    assert describe(messages, 20) == Invalid((), (), 0)
    assert describe(messages, 20).sentence == ""


@pytest.mark.parametrize("blank", ["", "  ", b"", "\n"])
def test_a_blank_message_is_replaced(blank: object) -> None:
    assert describe({"a": [blank]}, 20).sentence == "Invalid 'a': Invalid value."


# -- pointers


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
    assert resolve(pointer, {name: "found"}) == "found"


@given(st.lists(st.one_of(st.text(max_size=20), st.integers(0, 10)), min_size=1, max_size=5))
def test_every_pointer_is_a_uri_fragment_that_leads_to_the_value(path: list[str | int]) -> None:
    clean = [
        step
        if isinstance(step, int)
        else step.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for step in path
    ]
    if "_schema" in clean:
        return
    messages: Any = ["no"]
    document: Any = "found"
    for step in reversed(clean):
        messages = {step: messages}
        document = [document] * (step + 1) if isinstance(step, int) else {step: document}
    (error,) = describe(messages, 20).errors
    assert error.pointer is not None
    assert error.pointer.isascii()
    assert not set(error.pointer) & set(' "<>\\^`{|}')
    assert resolve(error.pointer, document) == "found"


def test_the_name_of_an_empty_field_is_told() -> None:
    assert describe({"": ["Unknown field."]}, 20).sentence == "Invalid '': Unknown field."
    assert describe({"": ["Unknown field."]}, 20, "query").errors == (
        FieldError("Unknown field.", parameter="", location="query"),
    )


def test_outside_the_body_an_error_names_its_parameter() -> None:
    assert describe({"to": ["no"]}, 20, "query").errors == (
        FieldError("no", parameter="to", location="query"),
    )
    assert describe({"ids": {1: ["no"]}}, 20, "query").errors == (
        FieldError("no", parameter="ids[1]", location="query"),
    )


# -- marshmallow's shapes


def test_the_wire_name_of_a_field_is_told() -> None:
    assert pointers_of(
        Order(), {"items": [{"name": "a", "position": {"lat": 1, "longitude": "x"}}]}
    ) == ["#/items/0/position/longitude"]


def test_each_item_of_many_has_its_index() -> None:
    data = [{"limit": 1}, {"limit": "x"}, {"limit": "y"}]
    found = said_of(Order(many=True), data)
    assert [error.pointer for error in found.errors] == ["#/1/limit", "#/2/limit"]
    assert found.sentence.startswith("Invalid '[1].limit': ")


def test_a_collection_may_be_wrong_beside_its_items() -> None:
    whole: dict[str, Any] = {COLLECTION: True}

    class Batch(ma.Schema):
        n = fields.Int()

        @ma.validates_schema(skip_on_field_errors=False, **whole)
        def check(self, data: Any, **kwargs: Any) -> None:
            raise ValidationError("Too few.")

    found = said_of(Batch(many=True), [{"n": "x"}])
    assert [(error.pointer, error.detail) for error in found.errors] == [
        ("#/0/n", NOT_AN_INTEGER),
        ("#", "Too few."),
    ]


def test_what_is_not_an_object_at_all_is_told() -> None:
    assert said_of(Order(), [1]).sentence == "Invalid input type."
    assert said_of(Order(many=True), 5).errors == (FieldError("Invalid input type.", pointer="#"),)


def test_a_validation_error_for_one_field_names_it() -> None:
    error = ValidationError("must be positive", field_name="qty")
    assert describe(normalized(error), 20).sentence == "Invalid 'qty': must be positive"


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        ({"prices": {"eur": "x"}}, ["#/prices/eur"]),
        ({"prices": {"eur": None}}, ["#/prices/eur"]),
        ({"prices": {"dollar": 1}}, ["#/prices/dollar"]),
        ({"prices": {"dollar": "x"}}, ["#/prices/dollar", "#/prices/dollar"]),
        ({"prices": {"key": "x"}}, ["#/prices/key"]),
        ({"prices": 5}, ["#/prices"]),
        ({"vessels": {"a": {"name": "a", "value": "x"}}}, ["#/vessels/a/value"]),
        ({"vessels": {"a": {"name": "a", "key": "x"}}}, ["#/vessels/a/key"]),
        ({"vessels": {"a": {}}}, ["#/vessels/a/name"]),
        ({"vessels": {"a": {"value": 5}}}, ["#/vessels/a/name"]),
        ({"vessels": {"a": {"value": 5, "name": 6}}}, ["#/vessels/a/name"]),
        ({"vessels": {"value": {"value": "x", "name": "a"}}}, ["#/vessels/value/value"]),
        ({"vessels": {"a": 5}}, ["#/vessels/a"]),
        ({"vessels": {"a": {"name": "b", "position": {"lat": "x"}}}}, ["#/vessels/a/position/lat"]),
        ({"lists": {"a": [1, "x"]}}, ["#/lists/a/1"]),
        ({"lists": {"value": ["x"], "key": 5}}, ["#/lists/value/0", "#/lists/key"]),
        (
            {"tables": {"a": {"b": "x", "value": "y", "key": "z"}}},
            ["#/tables/a/b", "#/tables/a/value", "#/tables/a/key"],
        ),
        ({"tables": {"value": {"value": "x"}}}, ["#/tables/value/value"]),
        ({"tabled": [{"a": 1}, {"value": "x"}]}, ["#/tabled/1/value"]),
        (
            {"items": [{"name": "a", "value": "x", "key": "y"}]},
            ["#/items/0/key", "#/items/0/value"],
        ),
    ],
)
def test_a_pointer_into_a_dict_leads_to_the_value(data: Any, pointers: list[str]) -> None:
    found = pointers_of(Order(), data)
    assert found == pointers
    for pointer in pointers:
        if not pointer.endswith("/name"):
            resolve(pointer, data)


def test_required_fields_named_key_and_value_keep_their_names() -> None:
    class Pair(ma.Schema):
        key = fields.Str(required=True)
        value = fields.Str(required=True)

    class Settings(ma.Schema):
        one = fields.Nested(Pair)
        settings = fields.List(fields.Nested(Pair))

    assert pointers_of(Settings(), {"one": {}, "settings": [{}]}) == [
        "#/one/key",
        "#/one/value",
        "#/settings/0/key",
        "#/settings/0/value",
    ]


def test_without_the_data_a_path_is_told_as_it_is() -> None:
    messages = {"prices": {"eur": {"value": ["no"]}}}
    assert describe(messages, 20).errors[0].pointer == "#/prices/eur/value"
    assert describe(messages, 20, data={"prices": {"eur": "x"}}).errors[0].pointer == "#/prices/eur"
    assert describe(messages, 20, data={}).errors[0].pointer == "#/prices/eur/value"
    assert describe(messages, 20, data=[]).errors[0].pointer == "#/prices/eur/value"


def test_an_index_outside_the_data_is_told_as_it_is() -> None:
    assert (
        describe({"a": {5: {"b": {"value": ["no"]}}}}, 20, data={"a": [1]}).errors[0].pointer
        == "#/a/5/b/value"
    )


def test_a_mapping_that_fails_is_told_as_a_text() -> None:
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
    [Shy(), Lazy(), Hostile(), ValueError("x"), ValidationError("y"), object(), -1, True, ...]
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


@given(messages=TREES, most=st.integers(1, 5), data=TREES)
@example(
    messages={1: ["a"], "1": ["b"], None: ["c"], b"x": ["d"], "_schema": ["e"]}, most=5, data={}
)
def test_every_tree_can_be_described(messages: Any, most: int, data: Any) -> None:
    found = describe(messages, most, None, data)
    assert len(found.errors) == len(found.sentences) <= most
    assert all(sentence.strip() for sentence in found.sentences)
    assert not found.more or len(found.errors) == most
    json.dumps([error.to_dict() for error in found.errors], ensure_ascii=False).encode()
    found.sentence.encode()


def test_integers_that_are_no_index_are_names() -> None:
    found = describe({10**5000: ["a"], -1: ["b"], True: ["c"], 0: ["d"]}, 20)
    assert [error.pointer for error in found.errors] == ["#/%3Cint%3E", "#/-1", "#/True", "#/0"]


def test_texts_of_any_type_are_told() -> None:
    found = describe({"a": [Lazy(), b"bytes", ValueError("why"), Shy(), "\ud800", None, 5]}, 20)
    assert [error.detail for error in found.errors] == [
        "translated",
        "bytes",
        "why",
        "<Shy>",
        "\ufffd",
        "None",
        "5",
    ]


def test_a_tree_that_holds_itself_ends() -> None:
    ring: dict[str, Any] = {}
    ring["again"] = ring
    assert describe(ring, 20) == Invalid((), (), 0)
    ring["leaf"] = ["no"]
    assert 1 <= len(describe(ring, 20).errors) <= 20
    wide: list[Any] = []
    wide.extend([wide] * 3)
    assert describe(wide, 20) == Invalid((), (), 0)


def test_a_tree_deeper_than_any_stack_ends() -> None:
    deep: Any = ["no"]
    for _ in range(100_000):
        deep = {"a": deep}
    assert describe(deep, 20).errors == ()


def test_a_tree_without_end_ends() -> None:
    found = describe({"a": Endless()}, 20)
    assert len(found.errors) == 20
    assert 0 < found.more < 100_000


def test_the_size_of_what_is_told_is_bounded() -> None:
    long = "x" * 1_000_000
    found = describe({long: [long], "b": {long: [long]}}, 20)
    assert len(found.sentence) < 3_000
    assert found.errors[0].detail == "x" * 1_000 + "…"
    assert len(json.dumps([error.to_dict() for error in found.errors])) < 4_000
