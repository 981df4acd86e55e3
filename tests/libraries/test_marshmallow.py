from __future__ import annotations

import json
from collections.abc import Callable
from inspect import signature
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, request
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, validate
from webargs.fields import DelimitedList

from flask_apierrors._core.config import Config
from flask_apierrors._core.errors import FieldError, FieldErrors
from flask_apierrors._core.validation import Invalid, describe
from flask_apierrors._libraries.marshmallow import (
    Marshmallow,
    MarshmallowDialect,
    example_error,
    is_validation_error,
)
from tests.core.test_validation import LEAVES, TREES, resolve
from tests.libraries.schemas import Order

#: marshmallow 4 renamed it.
COLLECTION = next(
    name
    for name in signature(ma.validates_schema).parameters
    if name in ("pass_collection", "pass_many")
)
NOT_AN_INTEGER = "Not a valid integer."


def describe_messages(
    messages: object, location: str | None = None, data: object = None
) -> Invalid:
    return describe(messages, 20, location, dialect=MarshmallowDialect(data))


def load_invalid(schema: ma.Schema, data: Any) -> Invalid:
    """Load data that a schema refuses, and describe the error."""
    with pytest.raises(ValidationError) as caught:
        schema.load(data)
    req = Flask("a").request_class({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "2"})
    invalid = Marshmallow().describe(caught.value, req, Config())
    assert invalid is not None
    return invalid


def pointers_of(schema: ma.Schema, data: Any) -> list[str | None]:
    return [error.pointer for error in load_invalid(schema, data).errors]


# -- the sentence


def test_the_sentence_names_the_field() -> None:
    assert load_invalid(Order(), {"limit": "x"}).sentence == "Invalid 'limit': Not a valid integer."


def test_the_sentence_names_the_path_to_a_nested_field() -> None:
    data = {"items": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {}]}
    assert load_invalid(Order(), data).sentence == (
        "Invalid 'items[3].name': Missing data for required field."
    )


def test_several_messages_are_joined_in_their_order() -> None:
    invalid = load_invalid(Order(), {"limit": "x", "numbers": [1, "y", "z"], "unknown": 1})
    assert invalid.sentence == (
        "Invalid 'limit': Not a valid integer.; Invalid 'numbers[1]': Not a valid integer.; "
        "Invalid 'numbers[2]': Not a valid integer.; Invalid 'unknown': Unknown field."
    )


def test_a_message_about_the_whole_names_no_field() -> None:
    messages = {"_schema": ["It is Sunday."]}
    assert describe_messages(messages) == describe(["It is Sunday."], 20)
    assert describe_messages(messages).sentence == "It is Sunday."
    assert describe_messages({"_schema": ["No."]}, "query").errors == (
        FieldError("No.", location="query"),
    )
    assert describe_messages({"_schema": []}) == Invalid(FieldErrors(()), (), 0)
    assert describe_messages({"_schema": []}).sentence == ""


def test_a_message_about_a_nested_whole_names_its_field() -> None:
    invalid = describe_messages({"items": {0: {"_schema": ["Too late."]}}})
    assert invalid.sentence == "Invalid 'items[0]': Too late."


def test_an_input_that_is_no_object_is_reported() -> None:
    assert load_invalid(Order(), [1]).sentence == "Invalid input type."
    assert load_invalid(Order(many=True), 5).errors == (
        FieldError("Invalid input type.", pointer="#"),
    )


def test_a_validation_error_for_a_single_field_names_it() -> None:
    error = ValidationError("must be positive", field_name="qty")
    req = Flask("a").request_class({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "2"})
    invalid = Marshmallow().describe(error, req, Config())
    assert invalid is not None
    assert invalid.sentence == "Invalid 'qty': must be positive"


# -- pointers


def test_a_pointer_has_the_name_of_a_field_in_the_request() -> None:
    data = {"items": [{"name": "a", "position": {"lat": 1, "longitude": "x"}}]}
    assert pointers_of(Order(), data) == ["#/items/0/position/longitude"]


def test_each_item_of_many_has_its_index() -> None:
    data = [{"limit": 1}, {"limit": "x"}, {"limit": "y"}]
    invalid = load_invalid(Order(many=True), data)
    assert [error.pointer for error in invalid.errors] == ["#/1/limit", "#/2/limit"]
    assert invalid.sentence.startswith("Invalid '[1].limit': ")


def test_a_collection_and_its_items_can_be_invalid_at_once() -> None:
    pass_whole: dict[str, Any] = {COLLECTION: True}

    class Batch(ma.Schema):
        n = fields.Int()

        @ma.validates_schema(skip_on_field_errors=False, **pass_whole)
        def check(self, data: Any, **kwargs: Any) -> None:
            raise ValidationError("Too few.")

    invalid = load_invalid(Batch(many=True), [{"n": "x"}])
    assert [(error.pointer, error.detail) for error in invalid.errors] == [
        ("#/0/n", NOT_AN_INTEGER),
        ("#", "Too few."),
    ]


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
        ({"list_of_tables": [{"a": 1}, {"value": "x"}]}, ["#/list_of_tables/1/value"]),
        (
            {"items": [{"name": "a", "value": "x", "key": "y"}]},
            ["#/items/0/key", "#/items/0/value"],
        ),
    ],
)
def test_a_pointer_into_a_dict_leads_to_the_value(data: Any, pointers: list[str]) -> None:
    assert pointers_of(Order(), data) == pointers
    for pointer in pointers:
        if not pointer.endswith("/name"):
            resolve(pointer, data)


def test_required_fields_named_key_and_value_keep_their_names() -> None:
    class Pair(ma.Schema):
        key = fields.Str(required=True)
        value = fields.Str(required=True)

    class Settings(ma.Schema):
        single = fields.Nested(Pair)
        settings = fields.List(fields.Nested(Pair))

    assert pointers_of(Settings(), {"single": {}, "settings": [{}]}) == [
        "#/single/key",
        "#/single/value",
        "#/settings/0/key",
        "#/settings/0/value",
    ]


class Slot(ma.Schema):
    depth = fields.Int(required=True)
    key = fields.Int()
    value = fields.Int(required=True)


class Quay(ma.Schema):
    by_id = fields.Dict(keys=fields.UUID(), values=fields.Nested(Slot))
    lists = fields.Dict(keys=fields.Int(), values=fields.List(fields.Int()))
    tables = fields.Dict(values=fields.Dict(keys=fields.Int(), values=fields.Nested(Slot)))
    slots = fields.Nested(ma.Schema.from_dict({"first": fields.Nested(Slot)}))


@pytest.mark.parametrize(
    ("data", "pointers"),
    [
        ({"by_id": {"seven": {"depth": 9, "value": 1}}}, ["#/by_id/seven"]),
        (
            {"by_id": {"seven": {"depth": "x", "value": 1}}},
            ["#/by_id/seven", "#/by_id/seven/depth"],
        ),
        ({"by_id": {"seven": {"depth": 9}}}, ["#/by_id/seven", "#/by_id/seven/value"]),
        ({"by_id": {"value": {"value": 1}}}, ["#/by_id/value", "#/by_id/value/depth"]),
        ({"lists": {"x": [1], "5": [6, "y"]}}, ["#/lists/x", "#/lists/5/1"]),
        ({"tables": {"a": {"x": {"depth": 1, "value": 1}}}}, ["#/tables/a/x"]),
        ({"tables": {"a": {"1": {"depth": "x", "value": 1}}}}, ["#/tables/a/1/depth"]),
        ({"slots": {"first": {"depth": 1}}}, ["#/slots/first/value"]),
        ({"slots": {"first": {"depth": 1, "value": 1, "key": "x"}}}, ["#/slots/first/key"]),
    ],
)
def test_a_wrong_key_of_a_dict_is_where_its_entry_is(data: Any, pointers: list[str]) -> None:
    assert pointers_of(Quay(), data) == pointers


def test_a_wrong_value_of_a_dict_is_where_its_entry_is() -> None:
    class Days(ma.Schema):
        days = fields.Dict(
            values=fields.Nested(Slot(partial=True), validate=validate.Equal({}, error="Too late."))
        )

    assert pointers_of(Days(), {"days": {"monday": {"depth": 1}}}) == ["#/days/monday"]


class Captain(ma.Schema):
    id = fields.Int(required=True, strict=True)


class Vessel(ma.Schema):
    captain = fields.Pluck(Captain, "id")
    crew = fields.Pluck(Captain, "id", many=True)
    by_ship = fields.Dict(values=fields.Pluck(Captain, "id"))
    fleet = fields.List(fields.Nested(lambda: Vessel(only=("captain",))))


@pytest.mark.parametrize(
    ("data", "pointer", "name"),
    [
        ({"captain": "x"}, "#/captain", "captain"),
        ({"captain": None}, "#/captain", "captain"),
        ({"captain": ["x"]}, "#/captain", "captain"),
        ({"crew": [1, "x"]}, "#/crew/1", "crew[1]"),
        ({"by_ship": {"ida": "x"}}, "#/by_ship/ida", "by_ship.ida"),
        ({"fleet": [{"captain": "x"}]}, "#/fleet/0/captain", "fleet[0].captain"),
    ],
)
def test_a_field_that_is_plucked_is_not_in_the_request(data: Any, pointer: str, name: str) -> None:
    invalid = load_invalid(Vessel(), data)
    assert [error.pointer for error in invalid.errors] == [pointer]
    assert invalid.sentence.startswith(f"Invalid '{name}': ")


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({"_schema": 1}, "#/_schema"),
        ({"prices": {"_schema": "x"}}, "#/prices/_schema"),
        ({"items": [{"name": "a", "_schema": 1}]}, "#/items/0/_schema"),
    ],
)
def test_a_field_of_the_clients_may_be_called_schema(data: Any, pointer: str) -> None:
    assert pointer in pointers_of(Order(), data)


def test_a_pointer_ends_at_a_text_that_has_parts() -> None:
    class Ids(ma.Schema):
        ids = DelimitedList(fields.Int())

    invalid = load_invalid(Ids(), {"ids": "1,x,3"})
    assert [error.pointer for error in invalid.errors] == ["#/ids"]
    assert invalid.sentence == "Invalid 'ids[1]': Not a valid integer."


# -- messages that are dicts


class Crate(ma.Schema):
    size = fields.Int(
        required=True,
        error_messages={
            "required": {"message": "A size is required.", "code": "size-missing"},
            "invalid": {"message": "A size is a whole number.", "code": 12, "unit": "m"},
        },
    )
    label = fields.Str(validate=validate.Length(max=3))
    message = fields.Str()
    inner = fields.Nested(lambda: Crate(only=("message", "size")))

    @ma.validates("label")
    def is_known(self, value: str, **kwargs: Any) -> None:
        messages = {"message": "No such label.", "code": "label", "params": {"known": ["a", "b"]}}
        raise ValidationError([messages])


def test_a_message_can_be_a_dict_with_a_code() -> None:
    invalid = load_invalid(Crate(), {"label": "x"})
    assert invalid.errors == (
        FieldError("A size is required.", pointer="#/size", code="size-missing"),
        FieldError("No such label.", pointer="#/label", code="label", params={"known": ["a", "b"]}),
    )
    assert (
        invalid.sentence == "Invalid 'size': A size is required.; Invalid 'label': No such label."
    )


def test_the_other_members_of_such_a_message_are_its_parameters() -> None:
    (error,) = load_invalid(Crate(many=True), [{"size": "x"}]).errors
    assert error == FieldError(
        "A size is a whole number.", pointer="#/0/size", code=12, params={"unit": "m"}
    )


def test_a_field_called_message_is_a_field() -> None:
    assert pointers_of(Crate(), {"size": 1, "message": 5}) == ["#/message"]
    assert pointers_of(Crate(), {"size": 1, "inner": {"size": 1, "message": 5}}) == [
        "#/inner/message"
    ]
    raised = {"inner": {"message": "It is rude."}}
    assert describe_messages(raised, data={"inner": {"message": "x"}}).errors == (
        FieldError("It is rude.", pointer="#/inner/message"),
    )
    assert describe_messages({"message": "It is rude."}, data={"size": 1}).errors == (
        FieldError("It is rude.", pointer="#/message"),
    )


@pytest.mark.parametrize("raised", ["text", ["text"]])
def test_a_message_that_is_a_text_survives_beside_one_that_is_a_dict(raised: Any) -> None:
    class Label(ma.Schema):
        label = fields.Str()

        @ma.validates("label")
        def first(self, value: str, **kwargs: Any) -> None:
            raise ValidationError(raised)

        @ma.validates_schema(skip_on_field_errors=False)
        def second(self, data: Any, **kwargs: Any) -> None:
            raise ValidationError({"message": "No such label.", "code": "unknown"}, "label")

    assert set(load_invalid(Label(), {"label": "x"}).errors) == {
        FieldError("text", pointer="#/label"),
        FieldError("No such label.", pointer="#/label", code="unknown"),
    }


def test_a_message_about_the_whole_can_be_a_dict() -> None:
    class Whole(ma.Schema):
        size = fields.Int()

        @ma.validates_schema
        def check(self, data: Any, **kwargs: Any) -> None:
            raise ValidationError({"message": "It is Sunday.", "code": "sunday"})

    assert load_invalid(Whole(), {"size": 1}).errors == (
        FieldError("It is Sunday.", pointer="#", code="sunday"),
    )
    messages = {"_schema": {"message": "It is Sunday.", "code": "sunday"}}
    assert describe_messages(messages, data={"message": "x"}).errors == (
        FieldError("It is Sunday.", pointer="#", code="sunday"),
    )


def test_messages_that_are_dicts_are_counted_once() -> None:
    invalid = load_invalid(Crate(many=True), [{} for _ in range(50)])
    assert (len(invalid.errors), invalid.more) == (20, 30)


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (None, "#/prices/eur/value"),
        ({"prices": {"eur": "x"}}, "#/prices/eur"),
        ({}, "#/prices/eur/value"),
        ([], "#/prices/eur/value"),
    ],
)
def test_only_data_that_has_the_entry_shortens_a_path(data: Any, pointer: str) -> None:
    invalid = describe_messages({"prices": {"eur": {"value": ["no"]}}}, data=data)
    assert invalid.errors[0].pointer == pointer


def test_an_index_outside_the_data_leaves_the_path_as_it_is() -> None:
    invalid = describe_messages({"a": {5: {"b": {"value": ["no"]}}}}, data={"a": [1]})
    assert invalid.errors[0].pointer == "#/a/5/b/value"


STEPS = st.sampled_from(["_schema", "key", "value", "a", 0, 1])


@given(messages=TREES | st.dictionaries(LEAVES, TREES) | st.builds(ValidationError), data=TREES)
@example(messages={1: ["a"], "1": ["b"], None: ["c"], b"x": ["d"], "_schema": ["e"]}, data={})
def test_every_tree_can_be_described_with_any_data(messages: Any, data: Any) -> None:
    invalid = describe_messages(messages, data=data)
    assert len(invalid.sentences) <= len(invalid.errors) <= 20
    assert all(sentence.strip() for sentence in invalid.sentences)
    assert not invalid.more or len(invalid.errors) == 20
    json.dumps([error.to_dict() for error in invalid.errors], ensure_ascii=False).encode()
    invalid.sentence.encode()


@given(
    st.lists(STEPS).map(tuple),
    st.recursive(
        st.none(), lambda below: st.lists(below, max_size=2) | st.dictionaries(STEPS, below)
    ),
)
def test_a_path_loses_only_the_words_of_marshmallow(path: tuple[str | int, ...], data: Any) -> None:
    place = MarshmallowDialect(data).place(path, "no")
    assert place.name[: len(place.path)] == place.path
    steps = list(place.name)
    for position, step in enumerate(path):
        if steps and steps[0] == step:
            del steps[0]
        else:
            # The last name below a text or a number is that of a Pluck.
            assert step in ("_schema", "key", "value") or position == len(path) - 1
    assert steps == []


# -- answers


def test_many_errors_give_a_small_answer(
    make_app: Callable[..., Flask], strict_json: Callable[[bytes], Any]
) -> None:
    app = make_app(APIERRORS_MEMBERS=("error", "errors"))
    app.add_url_rule("/", view_func=lambda: Order().load(request.get_json()), methods=["POST"])
    for body in ({"numbers": ["x"] * 1_010}, {"x" * 10_000 + str(n): 1 for n in range(1_010)}):
        response = app.test_client().post("/", json=body)
        assert response.status_code == 400
        assert len(response.data) < 20_000
        assert strict_json(response.data)["error"].endswith("; and 990 more")
        assert len(strict_json(response.data)["errors"]) == 20


@given(name=st.text().filter(lambda name: name not in Order().fields))
@example(name="😀" * 200)
@example(name="_schema")
@example(name="")
def test_an_unknown_field_with_any_name_is_answered(
    name: str, make_app: Callable[..., Flask], strict_json: Callable[[bytes], Any]
) -> None:
    app = make_app(APIERRORS_MEMBERS=("error", "errors"))
    app.add_url_rule("/", view_func=lambda: Order().load(request.get_json()), methods=["POST"])
    response = app.test_client().post(
        "/", data=json.dumps({name: 1}), content_type="application/json"
    )
    assert response.status_code == 400
    assert strict_json(response.data)["error"].endswith("Unknown field.")


# -- exceptions


def test_only_marshmallows_exceptions_are_validation_errors() -> None:
    assert not is_validation_error(ValueError())
    assert is_validation_error(ma.ValidationError("no"))
    assert is_validation_error(example_error())


def test_an_exception_of_another_library_is_left_to_it() -> None:
    req = Flask("a").request_class({"REQUEST_METHOD": "GET"})
    assert Marshmallow().describe(ValueError(), req, Config()) is None
    assert Marshmallow().exceptions() == (ma.ValidationError,)
