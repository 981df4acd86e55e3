"""Promises to users of Flask-SQLAlchemy: its 404s are in the contract, and SQL stays inside."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import sqlalchemy
from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import Conflict, ServiceUnavailable

from flask_apierrors import ApiErrors

pytestmark = pytest.mark.usefixtures("close_databases")

NOT_FOUND = {"error": "The requested resource does not exist."}


def database_app() -> tuple[Flask, ApiErrors]:
    app = Flask("app")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    errors, database = ApiErrors(app), SQLAlchemy(app)

    class Vessel(database.Model):  # type: ignore[misc,name-defined]
        imo = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
        name = sqlalchemy.Column(sqlalchemy.String, unique=True)

    @app.get("/<int:imo>")
    def get(imo: int) -> Any:
        return {"name": database.get_or_404(Vessel, imo, description=request.args.get("text")).name}

    @app.get("/first")
    def first() -> Any:
        query = sqlalchemy.select(Vessel).filter_by(name="Aurora")
        return {"imo": database.first_or_404(query, description="No Aurora here.").imo}

    @app.get("/one")
    def one() -> Any:
        return {"imo": database.one_or_404(sqlalchemy.select(Vessel)).imo}

    @app.get("/query")
    def query() -> Any:
        return {"imo": Vessel.query.get_or_404(1, "No such vessel.").imo}

    @app.post("/")
    def create() -> Any:
        database.session.add(Vessel(name=request.get_json()["name"]))
        database.session.commit()
        return {}

    @app.get("/broken")
    def broken() -> Any:
        return {"n": database.session.execute(sqlalchemy.text("select * from nowhere")).scalar()}

    with app.app_context():
        database.create_all()
    return app, errors


@pytest.mark.filterwarnings("ignore:The Query.get:sqlalchemy.exc.LegacyAPIWarning")
def test_what_is_not_there_is_a_404() -> None:
    client = database_app()[0].test_client()
    for path, body in {
        "/1": NOT_FOUND,
        "/1?text=Gone.": {"error": "Gone."},
        "/first": {"error": "No Aurora here."},
        "/one": NOT_FOUND,
        "/query": {"error": "No such vessel."},
    }.items():
        response = client.get(path)
        assert (response.status_code, response.get_json()) == (404, body), path


def test_a_unique_key_is_a_conflict_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    app, errors = database_app()
    errors.convert(IntegrityError, to=Conflict("Another vessel has this name."))
    client = app.test_client()
    assert client.post("/", json={"name": "Aurora"}).status_code == 200
    response = client.post("/", json={"name": "Aurora"})
    assert response.status_code == 409
    assert response.get_json() == {"error": "Another vessel has this name."}
    assert not caplog.records
    assert client.post("/", json={"name": "Borealis"}).status_code == 200


def test_a_database_that_is_down_is_a_503_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    app, errors = database_app()
    errors.convert(OperationalError, to=ServiceUnavailable)
    response = app.test_client().get("/broken")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert "nowhere" not in response.text
    assert "no such table: nowhere" in caplog.text


def test_without_a_conversion_it_is_a_crash_that_tells_no_sql() -> None:
    client = database_app()[0].test_client()
    client.post("/", json={"name": "Aurora"})
    for response in (client.post("/", json={"name": "Aurora"}), client.get("/broken")):
        assert response.status_code == 500
        assert response.get_json().keys() == {"error"}
        for word in ("vessel", "nowhere", "INSERT", "select", "sqlalche", "Aurora"):
            assert word not in response.text


def test_a_crash_is_logged_with_its_sql(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        database_app()[0].test_client().get("/broken")
    assert "select * from nowhere" in caplog.text
