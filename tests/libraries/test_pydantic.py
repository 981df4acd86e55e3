from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
    validate_call,
)
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from flask_apierrors import catalogue, raises
from tests.libraries.responses import PROBLEM, SECRET, errors_in


class Cat(BaseModel):
    kind: Literal["cat"]
    age: int


class Dog(BaseModel):
    kind: Literal["dog"]
    size: int


@dataclass
class Berth:
    depth: int


def not_old(value: int) -> int:
    if value == 100:
        raise AssertionError("Older than 99 is 100.")
    if value > 50:
        raise ValueError("Rather old.")
    if value == 50:
        raise PydanticCustomError("half", "Half {of} it", {"of": "of"})
    return value


def as_number(value: str) -> int:
    return int(value)


class Zoo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    either: int | list[int] = 0
    by_id: dict[int, Cat] = {}
    identifier: UUID | None = None
    age: Annotated[int, AfterValidator(not_old)] = 0
    number: Annotated[str, AfterValidator(as_number)] = "0"
    limit: Annotated[int, Field(ge=1, le=9)] = 1
    since: AwareDatetime | None = None
    offset: Annotated[datetime, Field()] | None = None
    berth: Berth | None = None
    pets: list[Cat] = []
    alias: int = Field(0, alias="the-alias")

    @model_validator(mode="after")
    def is_open(self) -> Zoo:
        if self.limit == 9:
            raise ValueError("It is Sunday.")
        return self


def app_of(load: Callable[[], Any], make_app: Callable[..., Flask], **config: Any) -> Flask:
    app = make_app(**config)

    @app.route("/", methods=["GET", "POST"])
    @app.route("/<number>", methods=["GET", "POST"], endpoint="number")
    def view(number: str | None = None) -> dict[str, Any]:
        load()
        return {}

    return app


def errors_of(app: Flask, body: Any) -> list[dict[str, Any]]:
    return errors_in(app.test_client().post("/", json=body, headers=PROBLEM))


@pytest.mark.parametrize(
    ("body", "pointer", "detail", "code"),
    [
        ({"pet": {"kind": "cat", "age": SECRET}}, "#/pet/age", None, "int_parsing"),
        ({"pet": {"kind": "cat"}}, "#/pet/age", "Field required.", "missing"),
        (
            {"pet": {"kind": SECRET}},
            "#/pet",
            "Input tag.",
            "union_tag_invalid",
        ),
        ({"by_id": {"seven": {"kind": "cat", "age": 1}}}, "#/by_id/seven", None, "int_parsing"),
        ({"by_id": {"7": {"kind": "cat", "age": "x"}}}, "#/by_id/7/age", None, "int_parsing"),
        ({"either": [1, SECRET]}, "#/either/1", None, "int_parsing"),
        ({"identifier": SECRET}, "#/identifier", "Input should be a valid UUID.", "uuid_parsing"),
        ({"age": 100}, "#/age", "Older than 99 is 100.", "assertion_error"),
        ({"age": 51}, "#/age", "Rather old.", "value_error"),
        ({"age": 50}, "#/age", "Half of it.", "half"),
        ({"number": SECRET}, "#/number", "Invalid value.", "value_error"),
        ({"unknown": SECRET}, "#/unknown", "Extra inputs are not permitted.", "extra_forbidden"),
        ({"berth": 5}, "#/berth", "Input should be a dictionary.", "dataclass_type"),
        ({"pets": [5]}, "#/pets/0", "Input should be a valid dictionary.", "model_type"),
        ({"the-alias": SECRET}, "#/the-alias", None, "int_parsing"),
        ({"limit": 9}, "#", "It is Sunday.", "value_error"),
        ([], "#", "Input should be a valid dictionary.", "model_type"),
    ],
)
def test_an_error_names_the_place_in_the_request(
    body: Any, pointer: str, detail: str | None, code: str, make_app: Callable[..., Flask]
) -> None:
    app = app_of(lambda: Zoo.model_validate(request.get_json()), make_app)
    error = next(error for error in errors_of(app, body) if error["pointer"] == pointer)
    assert error["code"] == code
    assert detail is None or error["detail"] == detail


def test_parameters_are_what_the_model_says(make_app: Callable[..., Flask]) -> None:
    app = app_of(lambda: Zoo.model_validate(request.get_json()), make_app)
    (error,) = errors_of(app, {"limit": 0})
    assert error["params"] == {"ge": 1}
    (error,) = errors_of(app, {"pet": {"kind": SECRET}})
    assert error["params"] == {"discriminator": "'kind'", "expected_tags": "'cat', 'dog'"}


@pytest.mark.parametrize(
    "load",
    [
        lambda: Cat.model_validate(request.get_json()),
        lambda: Cat(**request.get_json()),
        lambda: Cat.model_validate_json(request.get_data()),
        lambda: TypeAdapter(Cat).validate_python(request.get_json()),
    ],
)
def test_data_can_be_handed_over_in_any_way(
    load: Callable[[], Any], make_app: Callable[..., Flask]
) -> None:
    app = app_of(load, make_app)
    errors = errors_of(app, {"kind": SECRET})
    assert [error["pointer"] for error in errors] == ["#/kind", "#/age"]


class Query(BaseModel):
    limit: int
    ids: list[int] = []


@pytest.mark.parametrize(
    ("url", "load", "errors"),
    [
        ("/?limit=x", lambda: Query.model_validate(request.args.to_dict()), [("limit", "query")]),
        (
            "/?ids=1&ids=x",
            lambda: Query.model_validate({"limit": 1, "ids": request.args.getlist("ids")}),
            [("ids", "query")],
        ),
        ("/?a=b", lambda: Query.model_validate(request.args.to_dict()), [("limit", "query")]),
        ("/", lambda: Query.model_validate(request.args.to_dict()), [("limit", "query")]),
        (
            "/",
            lambda: Query.model_validate({k.lower()[2:]: v for k, v in request.headers.items()}),
            [("limit", "query")],
        ),
    ],
)
def test_a_parameter_is_named_with_its_location(
    url: str,
    load: Callable[[], Any],
    errors: list[tuple[str, str]],
    make_app: Callable[..., Flask],
) -> None:
    app = app_of(load, make_app)
    response = app.test_client().get(url, headers=PROBLEM | {"X-Limit": "x"})
    assert response.status_code == 400
    found = [(error["parameter"], error["in"]) for error in response.get_json()["errors"]]
    assert found == errors


class Crane(BaseModel):
    number: int


def test_a_path_variable_is_named_with_its_location(make_app: Callable[..., Flask]) -> None:
    app = app_of(lambda: Crane(**(request.view_args or {})), make_app)
    (error,) = app.test_client().get("/x", headers=PROBLEM).get_json()["errors"]
    assert (error["parameter"], error["in"]) == ("number", "path")


class Tenant(BaseModel):
    tenant: int = Field(alias="x-tenant")


def test_a_header_is_named_as_the_model_does(make_app: Callable[..., Flask]) -> None:
    def load() -> Tenant:
        return Tenant.model_validate({k.lower(): v for k, v in request.headers.items()})

    response = app_of(load, make_app).test_client().get("/", headers=PROBLEM | {"X-Tenant": "x"})
    (error,) = response.get_json()["errors"]
    assert (error["parameter"], error["in"]) == ("x-tenant", "header")


def test_errors_beyond_the_limit_are_counted(make_app: Callable[..., Flask]) -> None:
    app = app_of(
        lambda: TypeAdapter(list[int]).validate_python(request.get_json()),
        make_app,
        APIERRORS_MAX_ERRORS=2,
    )
    response = app.test_client().post("/", json=["x"] * 10)
    assert response.get_json()["error"].endswith("; and 8 more")


def test_values_that_cannot_be_compared_have_a_place_all_the_same(
    make_app: Callable[..., Flask],
) -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    def load() -> Query:
        request.get_json()
        return Query.model_validate({"limit": Hostile()})

    assert errors_of(app_of(load, make_app), {"a": 1})[0]["pointer"] == "#/limit"


@pytest.mark.parametrize(
    ("model", "value", "detail"),
    [
        (dict[str, int], 5, "Input should be a valid dictionary."),
        (Annotated[datetime, Field()], "x", None),
    ],
)
def test_no_message_repeats_the_value(
    model: Any, value: Any, detail: str | None, make_app: Callable[..., Flask]
) -> None:
    app = app_of(lambda: TypeAdapter(model).validate_python(request.get_json()), make_app)
    (error,) = errors_of(app, value)
    assert detail is None or error["detail"] == detail


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda below: (
            st.lists(below, max_size=3)
            | st.dictionaries(st.sampled_from([*Zoo.model_fields, "x", "kind", "[key]"]), below)
        ),
    )
)
def test_every_body_is_answered(value: Any, make_app: Callable[..., Flask]) -> None:
    app = app_of(lambda: Zoo.model_validate(request.get_json()), make_app)
    response = app.test_client().post("/", data=json.dumps(value), content_type="application/json")
    assert response.status_code in (200, 400)


def test_a_call_with_invalid_arguments_is_described(make_app: Callable[..., Flask]) -> None:
    @validate_call
    def moor(depth: int, *, length: int) -> None: ...

    errors = errors_of(app_of(lambda: moor(**request.get_json()), make_app), {"depth": SECRET})
    assert [error["pointer"] for error in errors] == ["#/depth", "#/length"]


def test_raises_documents_it(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/")
    @raises(ValidationError)
    def view() -> str:
        return ""

    entry = catalogue(app).error("validation-failed")
    assert {occurrence.endpoint for occurrence in entry.occurrences} == {"view"}
