from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import marshmallow as ma
from flask import Flask, request
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import fields, validate

from flask_apierrors._core.config import Config
from flask_apierrors._libraries.marshmallow import Marshmallow, example_error, is_validation_error

MISSING = "Missing data for required field."


class Position(ma.Schema):
    lat = fields.Float(required=True)


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


@given(name=st.text().filter(lambda name: name not in Order().fields))
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


def test_without_marshmallow_no_exception_is_its() -> None:
    assert not is_validation_error(ValueError())
    assert is_validation_error(ma.ValidationError("no"))
    assert is_validation_error(example_error())


def test_an_exception_of_another_library_is_left_to_it() -> None:
    req = Flask("a").request_class({"REQUEST_METHOD": "GET"})
    assert Marshmallow().describe(ValueError(), req, Config()) is None
    assert Marshmallow().exceptions() == (ma.ValidationError,)
