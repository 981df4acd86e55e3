from __future__ import annotations

import re
from typing import Any

import marshmallow
import pytest
from flask import Flask, abort, jsonify, request
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from werkzeug.exceptions import Conflict

from flask_apierrors import ApiError, ApiErrors, requires_json
from flask_apierrors._core.sentences import NAMED, Sentence, placeholders_of, text_of
from flask_apierrors._core.text import as_text


def default_sentence(status: int) -> str:
    return str(Sentence(status))


@pytest.mark.parametrize("status", [*range(400, 600), 299, 999])
def test_every_status_has_a_sentence(status: int) -> None:
    sentence = default_sentence(status)
    assert sentence.strip()
    assert "<" not in sentence
    assert "{" not in sentence or status == 429, "a 429 always has a delay"


@pytest.mark.parametrize("status", range(400, 600))
def test_no_sentence_mentions_a_browser_or_a_page(status: int) -> None:
    assert not re.search("browser|page", default_sentence(status))


def test_the_sentences_are_those_of_the_contract() -> None:
    assert (
        default_sentence(400)
        == default_sentence(422)
        == "The request was malformed or failed validation."
    )
    assert default_sentence(401) == "Authentication failed: the Authorization header is missing."
    assert default_sentence(403) == "You do not have permission to access the requested content."
    assert default_sentence(404) == "The requested resource does not exist."
    assert default_sentence(405) == "The method is not allowed for the requested resource."
    assert default_sentence(500) == (
        "Internal server error. "
        "Please retry your request or contact support if the problem persists."
    )
    assert default_sentence(503) == (
        "The service is temporarily unavailable. "
        "Please retry your request after a short delay or contact support if the problem persists."
    )
    assert default_sentence(499) == "Unknown Error."
    assert default_sentence(411) == (
        "A request with this method requires a valid Content-Length header."
    )


# -- sentences as data


def test_the_text_of_a_sentence_is_the_english_default() -> None:
    sentence = Sentence("malformed-json", problem=Sentence("json-encoding", byte=3))
    assert str(sentence) == "Malformed JSON: it is not UTF-8 at byte 3."
    assert str(Sentence(413, limit=10)) == "The request body is larger than 10 bytes."
    assert str(Sentence(413)) == "The request body is too large."


def test_a_message_for_the_name_wins_over_the_code_and_the_code_over_the_status() -> None:
    sentence = Sentence("invalid-token")
    messages: dict[int | str, Any] = {
        "invalid-token": "name",
        "unauthorized": "code",
        401: "status",
    }
    for expected in ("name", "code", "status"):
        assert text_of(sentence, messages, 401, "unauthorized") == expected
        del messages[next(iter(messages))]
    assert text_of(sentence, messages, 401, "unauthorized") == str(sentence)


def test_a_message_for_a_status_does_not_hide_what_is_wrong_with_the_request() -> None:
    sentence = Sentence("validation-failed", errors="Invalid 'a': no")
    assert text_of(sentence, {400: "Wrong."}, 400, "validation-failed") == "Invalid 'a': no"
    messages: dict[int | str, str] = {"validation-failed": "Wrong: {errors}"}
    assert text_of(sentence, messages, 400, "validation-failed") == "Wrong: Invalid 'a': no"


def test_a_blank_message_is_ignored() -> None:
    assert text_of(Sentence(404), {404: " "}, 404) == str(Sentence(404))


def test_placeholders_are_filled_by_name_and_other_braces_stay() -> None:
    sentence = Sentence(429, retry_after=3)
    text = text_of(sentence, {429: "{limit}|{retry_after}|{other}|{}|{limit.x}"}, 429)
    assert text == "|3|{other}|{}|{limit.x}"


@given(st.text(), st.text())
def test_braces_in_a_value_are_no_placeholders(name: str, message: str) -> None:
    sentence = Sentence("invalid-field", name=name, message=message)
    assert str(sentence) == f"Invalid '{name}': {message}"
    translated = text_of(sentence, {"invalid-field": "{name}: {message}"})
    assert translated == f"{as_text(name)}: {as_text(message)}"


@pytest.mark.parametrize("name", NAMED)
def test_every_named_sentence_can_be_replaced(name: str) -> None:
    values = {placeholder: f"<{placeholder}>" for placeholder in placeholders_of(name)}
    message = "neu " + " ".join(f"{{{placeholder}}}" for placeholder in values)
    assert text_of(Sentence(name, **values), {name: message}) == " ".join(["neu", *values.values()])


GERMAN: dict[int | str, str] = {
    **{
        status: f"Status {status}." for status in (400, 401, 403, 404, 405, 406, 413, 415, 500, 503)
    },
    429: "Zu viele: {limit}, warten Sie {retry_after} s.",
    "malformed-json": "Kein JSON: {problem}.",
    "json-syntax": "Zeile {line}, Spalte {column}",
    "invalid-field": "'{name}' ist ungültig: {message}",
    "more-errors": "und {count} weitere",
}


def test_the_sentences_of_a_translated_app_contain_no_english() -> None:
    app = Flask("hafen")
    app.config.update(APIERRORS_MESSAGES=GERMAN, APIERRORS_MAX_ERRORS=1)
    ApiErrors(app)

    @app.post("/json")
    @requires_json
    def json() -> Any:
        return jsonify(request.get_json())

    @app.get("/<int:status>")
    def view(status: int) -> Any:
        abort(status)

    client = app.test_client()
    assert client.post("/json", data="[1", content_type="application/json").json == {
        "error": "Kein JSON: Zeile 1, Spalte 3."
    }
    assert client.post("/json", data="x", content_type="text/plain").json == {
        "error": "Status 415."
    }
    assert client.get("/429").json == {"error": "Zu viele: , warten Sie 30 s."}
    for status in (400, 401, 403, 404, 405, 406, 413, 500, 503):
        assert client.get(f"/{status}").json == {"error": f"Status {status}."}


def test_the_words_around_a_validation_message_are_translated() -> None:
    app = Flask("hafen")
    app.config.update(APIERRORS_MESSAGES=GERMAN, APIERRORS_MAX_ERRORS=1)
    ApiErrors(app)

    @app.get("/")
    def view() -> Any:
        raise marshmallow.ValidationError({"tiefe": ["Zu flach."], "breite": ["Zu schmal."]})

    assert app.test_client().get("/").json == {
        "error": "'tiefe' ist ungültig: Zu flach.; und 1 weitere"
    }


# -- texts of the author


@pytest.mark.parametrize("status", [401, 413, 429, 503])
@pytest.mark.parametrize("text", ["Set {limit} in your {profile}.", "{", "{}", "{0}", "}{"])
def test_braces_in_an_authors_text_are_no_placeholders(status: int, text: str) -> None:
    app = Flask("own")
    app.config.update(APIERRORS_MESSAGES={status: "Ours."})
    ApiErrors(app)

    @app.get("/abort")
    def view() -> Any:
        abort(status, text)

    @app.get("/raise")
    def raising() -> Any:
        raise ApiError(text, status=status)

    for path in ("/abort", "/raise"):
        assert app.test_client().get(path).json == {"error": text}


def test_werkzeugs_text_is_kept_if_an_author_uses_it() -> None:
    class Mine(Conflict):
        description = Conflict.description

    app = Flask("own")
    ApiErrors(app)

    @app.get("/")
    def view() -> Any:
        raise Mine

    assert app.test_client().get("/").json == {"error": Conflict.description}


def test_an_authors_handler_reads_the_sentence_as_text() -> None:
    app = Flask("own")
    ApiErrors(app)

    @app.post("/")
    @requires_json
    def view() -> str:
        return ""

    @app.errorhandler(415)
    def own(error: Any) -> str:
        return f"{error.description}"

    page = app.test_client().post("/", data="x").text
    assert page == "Unsupported media type. Send Content-Type: application/json."


def test_an_html_page_outside_the_prefixes_shows_the_sentence() -> None:
    app = Flask("site")
    app.config["APIERRORS_URL_PREFIXES"] = ("/api",)
    ApiErrors(app)
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["POST"])
    response = app.test_client().post("/", data="x")
    assert response.content_type == "text/html; charset=utf-8"
    assert "<p>Unsupported media type. Send Content-Type: application/json.</p>" in response.text


def test_a_page_escapes_a_sentence() -> None:
    sentence = Sentence("invalid-field", name="<b>", message="no")
    assert escape(sentence) == "Invalid &#39;&lt;b&gt;&#39;: no"
