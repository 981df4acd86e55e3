from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from flask import Flask, request

from tests.libraries.responses import PROBLEM, SECRET, errors_in


def errors_of(
    make_app: Callable[..., Flask], validate: Callable[[], Any], body: Any
) -> list[dict[str, Any]]:
    app = make_app()
    app.add_url_rule("/", view_func=validate, methods=["POST"])
    return errors_in(app.test_client().post("/", json=body, headers=PROBLEM))


@pytest.mark.parametrize(
    ("schema", "value", "error"),
    [
        (
            {"type": ["integer", "null"]},
            SECRET,
            {"detail": "Must be of type integer, null.", "params": {"type": ["integer", "null"]}},
        ),
        ({"enum": ["dry", 5, None]}, SECRET, {"detail": "Must be one of: dry, 5, null."}),
        ({"const": True}, SECRET, {"detail": "Must be true."}),
        ({"minimum": 1}, 0, {"detail": "Must be greater than or equal to 1.", "code": "minimum"}),
        ({"pattern": "^a"}, SECRET, {"detail": "Does not match the pattern ^a."}),
        ({"format": "date"}, SECRET, {"detail": "Not a valid date.", "code": "format"}),
        ({"uniqueItems": True}, [1, 1], {"detail": "The items must be different."}),
        ({"not": {"type": "string"}}, SECRET, {"detail": "Invalid value.", "code": "not"}),
        ({"anyOf": [{"type": "null"}, {"type": "array"}]}, SECRET, {"detail": "Invalid value."}),
        ({"contains": {"const": 1}}, [SECRET], {"detail": "Invalid value.", "code": "contains"}),
    ],
)
def test_a_message_says_what_the_schema_asks_for(
    schema: Any, value: Any, error: dict[str, Any], make_app: Callable[..., Flask]
) -> None:
    def validate() -> Any:
        jsonschema.validate(
            request.get_json(),
            {"properties": {"a": schema}},
            format_checker=jsonschema.FormatChecker(),
        )
        return {}

    (found,) = errors_of(make_app, validate, {"a": value})
    assert found["pointer"] == "#/a"
    assert found | error == found


def test_a_value_that_nothing_may_be_is_invalid(make_app: Callable[..., Flask]) -> None:
    def validate() -> Any:
        jsonschema.validate(request.get_json(), False)
        return {}

    assert errors_of(make_app, validate, {"a": SECRET}) == [
        {"detail": "Invalid value.", "pointer": "#"}
    ]


def test_each_unknown_field_is_named(make_app: Callable[..., Flask]) -> None:
    schema = {
        "properties": {"a": {}},
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }

    def validate() -> Any:
        jsonschema.validate(request.get_json(), schema)
        return {}

    errors = errors_of(make_app, validate, {"a": 1, "x-b": 2, "c": SECRET, "d/e": SECRET})
    assert [error["pointer"] for error in errors] == ["#/c", "#/d~1e"]


def test_draft_3_says_that_a_field_is_required(make_app: Callable[..., Flask]) -> None:
    def validate() -> Any:
        schema = {"properties": {"a": {"required": True}}}
        jsonschema.Draft3Validator(schema).validate(request.get_json())
        return {}

    (error,) = errors_of(make_app, validate, {})
    assert error["detail"] == "Missing data for required field."


@pytest.mark.parametrize("keyword", [None, "isKnown"])
def test_a_text_of_the_authors_is_kept(keyword: str | None, make_app: Callable[..., Flask]) -> None:
    def validate() -> Any:
        request.get_json()
        error = jsonschema.ValidationError("No such berth.", path=["berth"])
        if keyword is not None:
            error.validator = keyword
        raise error

    assert errors_of(make_app, validate, {"berth": SECRET}) == [
        {"detail": "No such berth.", "pointer": "#/berth"}
    ]


def test_a_parameter_is_named_with_its_location(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/")
    def view() -> Any:
        schema = {"properties": {"limit": {"pattern": "^[0-9]+$"}}}
        jsonschema.validate(request.args.to_dict(), schema)
        return {}

    response = app.test_client().get("/?limit=x", headers=PROBLEM)
    (error,) = response.get_json()["errors"]
    assert (error["parameter"], error["in"]) == ("limit", "query")


def test_the_administrator_can_replace_the_messages(make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_MESSAGES={"schema-minimum": "Mindestens {value}."})

    @app.post("/")
    def view() -> Any:
        jsonschema.validate(request.get_json(), {"minimum": 3})
        return {}

    assert app.test_client().post("/", json=2).get_json() == {"error": "Mindestens 3."}


def test_a_schema_that_is_wrong_is_a_bug(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.post("/")
    def view() -> Any:
        jsonschema.validate(request.get_json(), {"type": "hunter2"})
        return {}

    assert app.test_client().post("/", json=2).status_code == 500
