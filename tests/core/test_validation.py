from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any
from urllib.parse import unquote

import marshmallow as ma
import pytest
from flask import Flask, request
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, validate
from webargs.flaskparser import use_args, use_kwargs

from flask_apierrors import requires_json
from flask_apierrors._core.errors import FieldError
from flask_apierrors._core.validation import FieldMessage, Invalid, describe, describe_locations
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


# -- locations


def test_each_location_of_webargs_is_told() -> None:
    found = describe_locations(
        {
            "query": {"a": ["no"]},
            "headers": {"b": ["no"]},
            "json": {"c": ["no"]},
            "view_args": {"d": ["no"]},
        },
        20,
    )
    assert found.errors == (
        FieldError("no", parameter="a", location="query"),
        FieldError("no", parameter="b", location="header"),
        FieldError("no", pointer="#/c"),
        FieldError("no", parameter="d", location="path"),
    )


def test_all_locations_together_have_one_limit() -> None:
    found = describe_locations(
        {"query": {n: ["no"] for n in range(15)}, "json": {n: ["no"] for n in range(15)}}, 20
    )
    assert (len(found.errors), found.more) == (20, 10)
    found = describe_locations(
        {"query": {n: ["no"] for n in range(25)}, "json": {n: ["no"] for n in range(15)}}, 20
    )
    assert (len(found.errors), found.more) == (20, 20)


def test_an_unknown_location_is_a_part_of_the_tree() -> None:
    assert (
        describe_locations({"session": {"a": ["no"]}, 5: "x"}, 20).sentence
        == "Invalid 'session.a': no; Invalid '[5]': x"
    )


# -- webargs in its real use


@pytest.fixture
def api(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(APIERRORS_MEMBERS=("error", "errors"))
    limit = {"limit": fields.Int(required=True)}

    for location in ("query", "json", "headers", "cookies", "form", "view_args", "json_or_form"):

        @app.route(f"/{location}", endpoint=location, methods=["GET", "POST"])
        @app.route(f"/{location}/<limit>", endpoint=f"{location}_path")
        @use_args(limit, location=location, unknown=ma.EXCLUDE)
        def view(args: dict[str, Any], **values: Any) -> dict[str, Any]:
            return args

    @app.post("/teapot")
    @use_kwargs(
        limit,
        location="json",
        error_status_code=418,
        error_headers={"X-Mine": "a", "Cache-Control": "max-age=1"},
    )
    def teapot(limit: int) -> str:
        return "tea"

    @app.post("/order")
    @use_args(Order(), location="json")
    def order(args: dict[str, Any]) -> dict[str, Any]:
        return args

    @app.post("/guarded")
    @requires_json
    @use_args(Order(), location="json")
    def guarded(args: dict[str, Any]) -> dict[str, Any]:
        return args

    return app


@pytest.mark.parametrize(
    ("method", "url", "options", "where"),
    [
        ("GET", "/query?limit=x", {}, {"parameter": "limit", "in": "query"}),
        ("POST", "/json", {"json": {"limit": "x"}}, {"pointer": "#/limit"}),
        ("GET", "/headers", {"headers": {"limit": "x"}}, {"parameter": "limit", "in": "header"}),
        (
            "GET",
            "/cookies",
            {"headers": {"Cookie": "limit=x"}},
            {"parameter": "limit", "in": "cookie"},
        ),
        ("POST", "/form", {"data": {"limit": "x"}}, {"pointer": "#/limit"}),
        ("GET", "/view_args/x", {}, {"parameter": "limit", "in": "path"}),
        ("POST", "/json_or_form", {"json": {"limit": "x"}}, {"pointer": "#/limit"}),
    ],
)
def test_webargs_says_where_the_value_was(
    api: Flask, method: str, url: str, options: Any, where: dict[str, str]
) -> None:
    response = api.test_client(use_cookies=False).open(url, method=method, **options)
    assert response.status_code == 400
    assert response.get_json() == {
        "error": "Invalid 'limit': Not a valid integer.",
        "errors": [{"detail": NOT_AN_INTEGER, **where}],
    }


def test_the_status_of_webargs_follows_the_configuration(make_app: Callable[..., Flask]) -> None:
    for status in (400, 422):
        app = make_app(APIERRORS_VALIDATION_STATUS=status)
        app.add_url_rule(
            "/",
            view_func=use_args({"limit": fields.Int(required=True)}, location="query")(
                lambda args: args
            ),
        )
        response = app.test_client().get("/")
        assert response.status_code == status
        assert response.get_json() == {"error": f"Invalid 'limit': {MISSING}"}


def test_an_explicit_status_and_headers_of_webargs_are_kept(api: Flask) -> None:
    response = api.test_client().post("/teapot", json={"limit": "x"})
    assert response.status_code == 418
    assert response.get_json()["error"] == "Invalid 'limit': Not a valid integer."
    assert response.headers["X-Mine"] == "a"
    assert response.headers.getlist("Cache-Control") == ["max-age=1"]


def test_webargs_leads_to_the_values_of_dicts(api: Flask) -> None:
    response = api.test_client().post(
        "/order", json={"prices": {"eur": "x"}, "vessels": {"a": {"value": "x", "name": "b"}}}
    )
    assert [error["pointer"] for error in response.get_json()["errors"]] == [
        "#/prices/eur",
        "#/vessels/a/value",
    ]


def test_a_body_that_webargs_cannot_read_is_told(api: Flask) -> None:
    response = api.test_client().post("/order", data=b'{"limit": ', content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["error"] == "Invalid JSON body."


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"limit":' + b"9" * 5_000 + b"}", b'{"limit": NaN}', b"", b"\xff"]
)
def test_a_guard_reads_the_body_before_webargs_does(api: Flask, body: bytes) -> None:
    response = api.test_client().post("/guarded", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["error"].startswith("Malformed JSON: ")


def test_values_that_a_client_sent_are_never_echoed(api: Flask) -> None:
    secret = "hunter2"
    body = {
        "limit": secret,
        "prices": {"eur": secret},
        "items": [{"name": 5, "position": secret}],
        "numbers": secret,
    }
    for accept in ("application/json", "application/problem+json"):
        response = api.test_client().post("/order", json=body, headers={"Accept": accept})
        assert response.status_code == 400
        assert secret not in response.text


# -- marshmallow in a view


def test_many_errors_make_a_small_answer(
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


@given(name=st.text())
@example(name="😀" * 200)
@example(name="_schema")
@example(name="")
def test_any_name_of_an_unknown_field_is_answered(
    name: str, make_app: Callable[..., Flask], strict_json: Callable[[bytes], Any]
) -> None:
    app = make_app(APIERRORS_MEMBERS=("error", "errors"))
    app.add_url_rule("/", view_func=lambda: Order().load(request.get_json()), methods=["POST"])
    response = app.test_client().post(
        "/", data=json.dumps({name: 1}), content_type="application/json"
    )
    assert response.status_code == 400
    assert strict_json(response.data)["error"].endswith("Unknown field.")
