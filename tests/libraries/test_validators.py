from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jsonschema
import marshmallow as ma
import pydantic
import pytest
from flask import Flask, Request, request
from marshmallow import fields, validate

import flask_apierrors
from flask_apierrors import ApiErrors
from flask_apierrors._core.config import Config
from flask_apierrors._core.validation import Validator
from flask_apierrors._libraries.validators import VALIDATORS, failures, validation_errors
from tests.libraries.responses import PROBLEM, SECRET


def test_every_validator_has_a_file_of_its_name() -> None:
    folder = Path(flask_apierrors.__file__).parent / "_libraries"
    for validator in VALIDATORS:
        module = type(validator).__module__.rpartition(".")[2]
        assert module == type(validator).__name__.lower()
        assert (folder / f"{module}.py").is_file()


@pytest.mark.parametrize(
    "cls", [ma.ValidationError, pydantic.ValidationError, jsonschema.ValidationError]
)
def test_the_exception_of_a_library_is_one_of_a_validator(cls: type[Exception]) -> None:
    assert cls in validation_errors()


def test_a_library_that_is_not_imported_has_no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pydantic", "jsonschema.validators"):
        monkeypatch.delitem(sys.modules, name)
    assert set(failures()) == {ma.Schema.load, ma.Schema.loads}


def test_no_library_is_imported_but_marshmallow() -> None:
    code = (
        "import flask, flask_apierrors, sys; flask_apierrors.ApiErrors(flask.Flask('a'));"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"pydantic", "pydantic_core", "jsonschema"} & set(done.stdout.split())


# -- one order, as each library describes it


class MarshmallowItem(ma.Schema):
    name = fields.String(required=True)
    count = fields.Integer(strict=True, validate=validate.Range(min=1))


class MarshmallowOrder(ma.Schema):
    label = fields.String(required=True, validate=validate.Length(min=2, max=8))
    weight = fields.Float()
    kind = fields.String(validate=validate.OneOf(["dry", "wet"]))
    tags = fields.List(fields.String())
    items = fields.List(fields.Nested(MarshmallowItem))
    sizes = fields.Dict(keys=fields.String(), values=fields.Integer(strict=True))
    owner = fields.Nested(MarshmallowItem)


class PydanticModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class PydanticItem(PydanticModel):
    name: str
    count: int = pydantic.Field(default=1, ge=1)


class PydanticOrder(PydanticModel):
    label: str = pydantic.Field(min_length=2, max_length=8)
    weight: float = 1
    kind: Literal["dry", "wet"] = "dry"
    tags: list[str] = []
    items: list[PydanticItem] = []
    sizes: dict[str, int] = {}
    owner: PydanticItem | None = None


JSON_SCHEMA_ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["name"],
    "additionalProperties": False,
}
JSON_SCHEMA_ORDER = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "minLength": 2, "maxLength": 8},
        "weight": {"type": "number"},
        "kind": {"enum": ["dry", "wet"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "items": {"type": "array", "items": JSON_SCHEMA_ITEM},
        "sizes": {"type": "object", "additionalProperties": {"type": "integer"}},
        "owner": JSON_SCHEMA_ITEM,
    },
    "required": ["label"],
    "additionalProperties": False,
}

LOADERS: dict[str, Callable[[Any], Any]] = {
    "marshmallow": lambda body: MarshmallowOrder().load(body),
    "pydantic": lambda body: PydanticOrder.model_validate(body).model_dump(),
    "jsonschema": lambda body: jsonschema.Draft202012Validator(JSON_SCHEMA_ORDER).validate(body),
}

LABEL = {"label": "rope"}
INVALID: list[tuple[Any, str]] = [
    ({}, "#/label"),
    ({"label": 5}, "#/label"),
    ({"label": None}, "#/label"),
    ({"label": "x"}, "#/label"),
    ({"label": SECRET * 2}, "#/label"),
    ({**LABEL, "weight": SECRET}, "#/weight"),
    ({**LABEL, "weight": [SECRET]}, "#/weight"),
    ({**LABEL, "kind": SECRET}, "#/kind"),
    ({**LABEL, "unknown": SECRET}, "#/unknown"),
    ({**LABEL, "a/b~c": SECRET}, "#/a~1b~0c"),
    ({**LABEL, "tags": SECRET}, "#/tags"),
    ({**LABEL, "tags": ["a", {"b": SECRET}]}, "#/tags/1"),
    ({**LABEL, "items": {SECRET: SECRET}}, "#/items"),
    ({**LABEL, "items": [{"name": "a"}, {}]}, "#/items/1/name"),
    ({**LABEL, "items": [{"name": "a", "count": 0}]}, "#/items/0/count"),
    ({**LABEL, "items": [{"name": "a", "count": SECRET}]}, "#/items/0/count"),
    ({**LABEL, "items": [{"name": "a", "size": SECRET}]}, "#/items/0/size"),
    ({**LABEL, "sizes": {"s": SECRET}}, "#/sizes/s"),
    ({**LABEL, "owner": {"name": [SECRET]}}, "#/owner/name"),
    ([SECRET], "#"),
]


@pytest.mark.parametrize("library", LOADERS)
@pytest.mark.parametrize(("body", "pointer"), INVALID)
@pytest.mark.parametrize("status", [400, 422])
def test_every_library_gives_one_answer(
    library: str, body: Any, pointer: str, status: int, make_app: Callable[..., Flask]
) -> None:
    app = make_app(APIERRORS_VALIDATION_STATUS=status)
    app.add_url_rule("/", view_func=lambda: LOADERS[library](request.get_json()), methods=["POST"])
    response = app.test_client().post("/", json=body, headers=PROBLEM)
    assert response.status_code == status
    problem = response.get_json()
    assert problem["code"] == "validation-failed"
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert SECRET not in response.text
    assert problem["detail"].startswith("Invalid '") is (pointer != "#")
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("library", LOADERS)
def test_every_library_can_validate_data_of_the_servers(
    library: str, make_app: Callable[..., Flask]
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/", view_func=lambda: LOADERS[library]({"margin": 7}))

    @app.post("/block")
    def block() -> Any:
        request.get_json()
        with errors.internal():
            return LOADERS[library]({"margin": 7})

    for response in (app.test_client().get("/"), app.test_client().post("/block", json={})):
        assert response.status_code == 500
        assert "margin" not in response.text


@pytest.mark.parametrize("validator", VALIDATORS)
def test_an_exception_of_another_library_is_left_to_it(validator: Validator) -> None:
    req = Request({"REQUEST_METHOD": "GET"})
    assert validator.describe(LookupError(), req, Config()) is None
    assert not validator.is_internal(LookupError(), req)


LATE = """
from flask import Flask, request
from flask_apierrors import ApiErrors

app = Flask("late")
ApiErrors(app)
{early}

@app.post("/")
def view():
    {late}
    {validate}
    return ""

client = app.test_client()
print([client.post("/", json="x").status_code for _ in range(2)], client.post("/", json=5).status)
"""
CATCH_ALL = "app.register_error_handler(Exception, lambda exc: ('', 500))"


@pytest.mark.parametrize(
    ("library", "validate"),
    [
        ("pydantic", "pydantic.TypeAdapter(int).validate_python(request.get_json())"),
        ("jsonschema", "jsonschema.validate(request.get_json(), {'type': 'integer'})"),
    ],
)
@pytest.mark.parametrize(
    ("early", "late"), [("", "import {0}"), (f"{CATCH_ALL}; import {{0}}", "pass")]
)
def test_a_library_can_be_imported_after_the_app_was_made(
    library: str, validate: str, early: str, late: str
) -> None:
    code = LATE.format(early=early.format(library), late=late.format(library), validate=validate)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[400, 400] 200 OK\n", "")
