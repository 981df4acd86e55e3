"""Promises to users of Flask-Babel: lazy messages follow the locale of the request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, abort, request
from flask_babel import Babel, lazy_gettext  # type: ignore[import-untyped]

from flask_apierrors import ApiErrors, FieldError, ValidationFailed

GERMAN = {
    "Nothing is here.": "Hier ist nichts.",
    "'{name}' is wrong: {message}": "'{name}' ist falsch: {message}",
    "Too long.": "Zu lang.",
    "No vessel.": "Kein Schiff.",
}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog("de")
    for english, german in GERMAN.items():
        catalog.add(english, german)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    app = Flask("app")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    app.config["APIERRORS_MESSAGES"] = {
        404: lazy_gettext("Nothing is here."),
        "invalid-field": lazy_gettext("'{name}' is wrong: {message}"),
    }
    ApiErrors(app)
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(["en", "de"]))
    app.add_url_rule("/vessel", "vessel", lambda: abort(410, lazy_gettext("No vessel.")))

    @app.post("/")
    def create() -> Any:
        raise ValidationFailed(FieldError.at(["name"], lazy_gettext("Too long.")))

    return app


def test_a_message_is_in_the_language_of_the_request(app: Flask) -> None:
    for language in ("de", "en", "de"):
        assert_in(app, language)


def assert_in(app: Flask, language: str) -> None:
    client, headers = app.test_client(), {"Accept-Language": language}
    for english, response in {
        "Nothing is here.": client.get("/nowhere", headers=headers),
        "No vessel.": client.get("/vessel", headers=headers),
        "'{name}' is wrong: {message}": client.post("/", headers=headers),
    }.items():
        sentence = english if language == "en" else GERMAN[english]
        detail = "Too long." if language == "en" else GERMAN["Too long."]
        assert response.get_json()["error"] == sentence.format(name="name", message=detail)
