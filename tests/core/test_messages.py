from __future__ import annotations

import io
from typing import Any

import marshmallow as ma
import pydantic
import pytest
from flask import Flask, request
from webargs.flaskparser import use_args

from flask_apierrors import ApiError, ApiErrors, FieldError, Problem, ValidationFailed
from flask_apierrors._core.messages import by_location
from tests.conftest import parse_strictly

#: More than APIERRORS_MAX_ERRORS.
MANY = 30


class Item(ma.Schema):
    weight = ma.fields.Integer(required=True)


class Cargo(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(Item))


class Crate(pydantic.BaseModel):
    weights: list[int]


def answer(view: Any, path: str = "/x", **request_options: Any) -> Any:
    app = Flask("app")
    errors = ApiErrors(app)

    @errors.format
    def own_shape(problem: Problem) -> Any:
        return problem.messages

    app.add_url_rule("/x", view_func=view, methods=["GET", "POST"])
    return parse_strictly(app.test_client().open(path, **request_options).data)


def raise_many(error: Exception) -> None:
    raise error


def test_all_messages_of_marshmallow_are_there_although_the_list_of_errors_is_cut() -> None:
    messages = answer(
        lambda: Cargo().load(request.get_json()), method="POST", json={"items": [{}] * MANY}
    )
    weight = {"weight": ["Missing data for required field."]}
    assert messages == {"json": {"items": {str(index): weight for index in range(MANY)}}}


def test_all_messages_of_pydantic_are_there() -> None:
    messages = answer(
        lambda: Crate.model_validate(request.get_json()),
        method="POST",
        json={"weights": ["x"] * MANY},
    )
    assert len(messages["json"]["weights"]) == MANY


def test_the_messages_of_webargs_are_in_their_locations() -> None:
    @use_args({f"n{index}": ma.fields.Integer() for index in range(MANY)}, location="query")
    def view(args: Any) -> str:
        return "ok"

    query = "&".join(f"n{index}=x" for index in range(MANY))
    messages = answer(view, f"/x?{query}")
    assert list(messages) == ["query"]
    assert messages["query"] == {f"n{index}": ["Not a valid integer."] for index in range(MANY)}


def test_a_form_and_its_files_are_told_apart() -> None:
    def view() -> None:
        assert request.files
        raise ValidationFailed(
            FieldError.at(["name"], "Too short."), FieldError.at(["photo"], "Too dark.")
        )

    messages = answer(view, method="POST", data={"name": "", "photo": (io.BytesIO(b"x"), "x.png")})
    assert messages == {"form": {"name": ["Too short."]}, "files": {"photo": ["Too dark."]}}


def test_all_errors_of_the_author_are_there() -> None:
    failed = [FieldError(f"Bad {index}.", parameter="to", location="path") for index in range(MANY)]
    messages = answer(lambda: raise_many(ValidationFailed(*failed)))
    assert messages == {"path": {"to": [f"Bad {index}." for index in range(MANY)]}}


def test_an_error_without_single_mistakes_has_no_messages() -> None:
    assert answer(lambda: raise_many(ApiError("No.", status=409))) == {}
    assert Problem(409, "conflict", "Conflict", "No.").messages == {}


@pytest.mark.parametrize(
    ("errors", "messages"),
    [
        ([FieldError("All.", "#")], {"json": {"_schema": ["All."]}}),
        ([FieldError("All.", location="query")], {"query": {"_schema": ["All."]}}),
        ([FieldError("X.", None, "X-A", "header")], {"headers": {"X-A": ["X."]}}),
        ([FieldError("X.", None, "a", "cookie")], {"cookies": {"a": ["X."]}}),
        (
            [FieldError.at(["a"], "Own."), FieldError.at(["a", "b"], "Part.")],
            {"json": {"a": {"_schema": ["Own."], "b": ["Part."]}}},
        ),
        (
            [FieldError.at(["a", "b"], "Part."), FieldError.at(["a"], "Own.")],
            {"json": {"a": {"_schema": ["Own."], "b": ["Part."]}}},
        ),
    ],
)
def test_each_message_has_its_place(errors: list[FieldError], messages: Any) -> None:
    assert by_location(errors) == messages
