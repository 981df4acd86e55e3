from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields

pytest.importorskip("apispec")

from apifairy import APIFairy, arguments, body  # type: ignore[import-untyped]

from flask_apierrors import ApiErrors
from tests.libraries.responses import PROBLEM, SECRET, errors_in


class Query(Schema):
    limit = fields.Integer()


class Vessel(Schema):
    name = fields.String(required=True)
    imo = fields.Integer()


def make(before: bool = False, handler: Any = None, **config: Any) -> Flask:
    app = Flask("app")
    app.config.update(config)
    extensions = [ApiErrors(), APIFairy()]
    if handler is not None:
        extensions[1].error_handler(handler)
    for extension in extensions[::-1] if before else extensions:
        extension.init_app(app)

    app.add_url_rule("/vessels", "vessels", arguments(Query)(lambda query: {}))
    app.add_url_rule("/vessels", "add", body(Vessel)(lambda vessel: {}), methods=["POST"])
    return app


@pytest.mark.parametrize("before", [False, True])
def test_invalid_data_is_answered_in_the_contract(before: bool) -> None:
    client = make(before).test_client()
    query = errors_in(client.get(f"/vessels?limit={SECRET}", headers=PROBLEM))
    assert query == [{"detail": "Not a valid integer.", "parameter": "limit", "in": "query"}]
    invalid = errors_in(client.post("/vessels", json={"imo": SECRET}, headers=PROBLEM))
    assert sorted(error["pointer"] for error in invalid) == ["#/imo", "#/name"]


def test_malformed_json_says_where() -> None:
    response = make().test_client().post("/vessels", data="{", content_type="application/json")
    assert response.status_code == 400
    assert "Malformed JSON" in response.get_json()["error"]


@pytest.mark.parametrize("status", [400, 422])
def test_the_status_is_the_configured_one(status: int) -> None:
    client = make(APIERRORS_VALIDATION_STATUS=status).test_client()
    assert client.get("/vessels?limit=x").status_code == status


def test_an_error_handler_of_the_authors_wins_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def own(status: int, messages: Any) -> Any:
        return {"own": messages}, status

    with caplog.at_level(logging.INFO):
        response = make(handler=own).test_client().get("/vessels?limit=x")
    assert response.get_json() == {"own": {"query": {"limit": ["Not a valid integer."]}}}
    assert f"{__name__}.test_an_error_handler_of_the_authors_wins_and_is_named" in caplog.text


def test_outside_the_prefixes_apifairy_answers() -> None:
    response = make(APIERRORS_URL_PREFIXES=("/api",)).test_client().get("/vessels?limit=x")
    assert response.get_json() == {"messages": {"query": {"limit": ["Not a valid integer."]}}}


@pytest.mark.parametrize("is_imported", [True, False])
def test_another_app_is_left_alone(is_imported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_imported:
        monkeypatch.delitem(sys.modules, "apifairy.core")
    app = Flask("plain")
    ApiErrors(app)
    assert app.test_client().get("/").status_code == 404
