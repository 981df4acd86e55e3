from __future__ import annotations

import json
from typing import Any

from flask import Flask
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiError, ApiErrors, raises, requires_auth
from flask_apierrors.testing import Recording, Seen, record


class VesselNotFound(ApiError, NotFound):
    pass


class VesselSold(ApiError, NotFound):
    pass


def make(error: type[ApiError] = VesselNotFound) -> Flask:
    app = Flask("app")
    ApiErrors(app).verify_token(lambda token: None)

    @app.get("/vessels/<int:imo>")
    @raises(VesselNotFound)
    def vessel(imo: int) -> Any:
        raise type("Chosen", (error,), {"type": error.type})

    app.add_url_rule("/own", "own", requires_auth(lambda: ""), methods=["POST"])
    return app


def test_what_an_app_answers_is_recorded() -> None:
    app = make()
    client = app.test_client()
    client.get("/vessels/7")
    with record(app) as recording:
        client.get("/vessels/7")
        client.head("/vessels/7")
        client.post("/own")
        client.get("/nowhere")
        client.delete("/own")
    client.get("/vessels/7")
    assert recording.answered == {
        Seen("vessel", "GET", 404, "vessel-not-found"): 2,
        Seen("own", "POST", 401, "unauthorized"): 1,
        Seen("", "GET", 404, "not-found"): 1,
        Seen("", "DELETE", 405, "method-not-allowed"): 1,
    }
    assert recording.undeclared == []


def test_an_error_that_the_catalogue_does_not_know_is_undeclared() -> None:
    app = make(VesselSold)
    with record(app) as recording:
        app.test_client().get("/vessels/7")
    assert recording.undeclared == [Seen("vessel", "GET", 404, "vessel-sold")]


def test_an_error_that_no_test_caused_is_unseen() -> None:
    app = make()
    with record(app) as recording:
        app.test_client().get("/vessels/7")
    assert Seen("own", "POST", 401, "unauthorized") in recording.unseen
    assert Seen("vessel", "GET", 404, "vessel-not-found") not in recording.unseen


def test_recordings_of_several_processes_are_merged() -> None:
    merged = Recording()
    for error in (VesselNotFound, VesselSold):
        app = make(error)
        with record(app) as recording:
            app.test_client().get("/vessels/7")
        merged.merge(json.loads(json.dumps(recording.to_dict())))
    assert [seen.code for seen in merged.answered] == ["vessel-not-found", "vessel-sold"]
    assert [seen.code for seen in merged.undeclared] == ["vessel-sold"]
    assert merged.to_dict()["undeclared"] == [["vessel", "GET", 404, "vessel-sold"]]


def test_the_table_names_what_is_not_known_and_what_was_not_seen() -> None:
    app = make(VesselSold)
    with record(app) as recording:
        app.test_client().get("/vessels/7")
        app.test_client().get("/nowhere")
    rows = [line.split(maxsplit=5) for line in str(recording).splitlines()]
    assert rows[0] == ["times", "status", "code", "method", "endpoint"]
    assert rows[1] == ["1", "404", "not-found", "GET", "(none)"]
    assert ["1", "404", "vessel-sold", "GET", "vessel", "not in the catalogue"] in rows
    assert ["0", "404", "vessel-not-found", "GET", "vessel", "not seen"] in rows


def test_an_app_without_errors_has_an_empty_recording() -> None:
    app = Flask("app")
    ApiErrors(app)
    with record(app) as recording:
        pass
    assert recording.undeclared == []
    assert str(recording).splitlines()[0].startswith("times")
