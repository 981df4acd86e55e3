from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from flask import Flask, abort

from flask_apierrors import ApiErrors
from flask_apierrors._core.config import SENTENCE_NAMES, Config
from flask_apierrors._core.sentences import Sentence


class Lazy:
    """A translation, as Flask-Babel makes it: no text outside a request."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text

    def __bool__(self) -> bool:
        raise RuntimeError("translated too early")

    def __str__(self) -> str:
        if self.text is None:
            raise RuntimeError("no translation")
        return self.text


def test_every_key_has_its_documented_default() -> None:
    config = Config.from_mapping(
        {"SECRET_KEY": "x", "APIERROR": 1, "RATELIMIT_DEFAULT": "1/second"}
    )
    assert config == Config()
    assert config.members == ("error",)
    assert config.messages == {}
    assert config.url_prefixes == ()
    assert config.validation_status == 400
    assert config.max_errors == 20
    assert config.realm == "api"
    assert config.retry_after == 30
    assert config.request_id_header == "X-Request-ID"
    assert config.reference_url is None
    assert config.rate_limits == {}


def test_every_key_is_read() -> None:
    config = Config.from_mapping(
        {
            "APIERRORS_MEMBERS": ["status", "error", "status"],
            "APIERRORS_MESSAGES": {404: "Nothing here.", "vessel-not-found": "No such vessel."},
            "APIERRORS_STRICT_JSON": False,
            "APIERRORS_URL_PREFIXES": ["/api", "/v2/"],
            "APIERRORS_VALIDATION_STATUS": 422,
            "APIERRORS_MAX_ERRORS": 1,
            "APIERRORS_FORMAT": "problem",
            "APIERRORS_TYPE_BASE": "https://example.com/errors/",
            "APIERRORS_REALM": "Fleet API (v1)",
            "APIERRORS_RETRY_AFTER": 0,
            "APIERRORS_REQUEST_ID_HEADER": None,
            "APIERRORS_REFERENCE_URL": "/docs/errors",
            "APIERRORS_RATE_LIMITS": {"admin.*": "5/minute", "health": None},
        }
    )
    assert config == Config(
        format="problem",
        members=("status", "error"),
        messages={404: "Nothing here.", "vessel-not-found": "No such vessel."},
        type_base="https://example.com/errors/",
        strict_json=False,
        url_prefixes=("/api", "/v2"),
        validation_status=422,
        max_errors=1,
        realm="Fleet API (v1)",
        retry_after=0,
        request_id_header=None,
        reference_url="/docs/errors",
        rate_limits={"admin.*": "5/minute", "health": None},
    )


WRONG: list[tuple[str, Any, str]] = [
    ("FORMAT", "json", 'choose "plain" or "problem"'),
    ("FORMAT", ["plain"], 'choose "plain" or "problem"'),
    ("MEMBERS", "error", "give a tuple of facts"),
    ("MEMBERS", None, "give a tuple of facts"),
    ("MEMBERS", {"error": 1}, '"error" must be among'),
    ("MEMBERS", {1: "error"}, "the name of a member must be a text"),
    ("MEMBERS", {"message": "error", "kind": "oops"}, "'oops' is not a fact"),
    (
        "MEMBERS",
        ("error", "stack"),
        r"'stack' is not a fact. Choose from: error, status, code, type, title, errors",
    ),
    ("MEMBERS", ("error", ["status"]), r"\['status'\] is not a fact"),
    ("MEMBERS", (), '"error" must be among'),
    ("MEMBERS", ("status",), r"For another body, use @errors\.format"),
    ("MESSAGES", "Nothing here.", "give a dict"),
    ("MESSAGES", [(404, "x")], "give a dict"),
    ("MESSAGES", {True: "x"}, "the key True is neither a status"),
    ("MESSAGES", {4004: "x"}, "the key 4004 is neither a status"),
    ("MESSAGES", {200: "x"}, "the key 200 is neither a status"),
    ("MESSAGES", {"99": "x"}, "the key '99' is neither a status"),
    ("MESSAGES", {None: "x"}, "the key None is neither a status"),
    ("MESSAGES", {404: ""}, "the sentence for 404 is not a text"),
    ("MESSAGES", {404: "  "}, "the sentence for 404 is not a text"),
    ("MESSAGES", {404: None}, "the sentence for 404 is not a text"),
    ("MESSAGES", {404: 5}, "the sentence for 404 is not a text"),
    ("MESSAGES", {404: b"x"}, "the sentence for 404 is not a text"),
    ("MESSAGES", {404: {"en": "x"}}, "the sentence for 404 is not a text"),
    ("MESSAGES", {404: ["x"]}, "the sentence for 404 is not a text"),
    (
        "MESSAGES",
        {"malformed-json": "Kaputt: {porblem}"},
        r"has the placeholder \{porblem\}. It can have: \{problem\}",
    ),
    ("MESSAGES", {"invalid-value": "{x}"}, "It can have: none"),
    ("CHALLENGE", "resource_metadata=x", "give a dict from the names of parameters"),
    ("CHALLENGE", {"a b": "x"}, "'a b' is not the name of a parameter"),
    ("CHALLENGE", {5: "x"}, "5 is not the name of a parameter"),
    ("CHALLENGE", {"Realm": "x"}, "the extension itself writes 'Realm'. Set APIERRORS_REALM"),
    ("CHALLENGE", {"error": "x"}, "the extension itself writes 'error'. Remove it"),
    ("CHALLENGE", {"scope": "x", "Scope": "y"}, "'scope' is there twice"),
    ("CHALLENGE", {"scope": 'a"b'}, "the value of 'scope' must be a text in printable ASCII"),
    ("CHALLENGE", {"scope": ""}, "the value of 'scope' must be a text in printable ASCII"),
    ("CHALLENGE", {"scope": None}, "the value of 'scope' must be a text in printable ASCII"),
    ("STRICT_JSON", "False", "choose True or False"),
    ("STRICT_JSON", 1, "choose True or False"),
    ("STRICT_JSON", None, "choose True or False"),
    ("URL_PREFIXES", "/api", "give a tuple of paths"),
    ("URL_PREFIXES", None, "give a tuple of paths"),
    ("URL_PREFIXES", ("api",), "'api' is not a path. Start it with a slash"),
    ("URL_PREFIXES", ("",), "'' is not a path"),
    ("URL_PREFIXES", (5,), "5 is not a path"),
    ("URL_PREFIXES", ("/",), "the whole site"),
    ("URL_PREFIXES", ("/<tenant>/api",), "no variables and no wildcards. Write each prefix out"),
    ("URL_PREFIXES", ("/api", "/v*"), "no variables and no wildcards"),
    ("URL_PREFIXES", ("/{tenant}",), "no variables and no wildcards"),
    ("URL_PREFIXES", ("/api?v=1",), "A prefix ends before the"),
    ("URL_PREFIXES", ("/api#top",), "Remove what follows"),
    ("URL_PREFIXES", ("//api.example.org",), "has no host and no empty parts"),
    ("URL_PREFIXES", ("/api//v1",), "has no host and no empty parts"),
    ("URL_PREFIXES", ("/caf%C3%A9",), "Write it decoded"),
    ("URL_PREFIXES", ("/api\n",), "control characters"),
    ("URL_PREFIXES", ("/api", "//"), "the whole site"),
    ("VALIDATION_STATUS", 409, "choose 400 or 422"),
    ("VALIDATION_STATUS", "400", "choose 400 or 422"),
    ("VALIDATION_STATUS", None, "choose 400 or 422"),
    ("VALIDATION_STATUS", [400], "choose 400 or 422"),
    ("MAX_ERRORS", 0, "give a whole number of 1 or more"),
    ("MAX_ERRORS", -1, "give a whole number of 1 or more"),
    ("MAX_ERRORS", 1.5, "give a whole number"),
    ("MAX_ERRORS", "20", "give a whole number"),
    ("MAX_ERRORS", True, "give a whole number"),
    ("MAX_ERRORS", None, "give a whole number"),
    ("RETRY_AFTER", -1, "give a whole number of 0 or more"),
    ("TYPE_BASE", "https://example.com/errors", "ends with a delimiter"),
    ("TYPE_BASE", "/errors/", "give an absolute URI"),
    ("TYPE_BASE", "https://example.com/a b/", "give an absolute URI"),
    ("TYPE_BASE", 7, "give an absolute URI"),
    ("REALM", "", "give a name in printable ASCII"),
    ("REALM", None, "give a name in printable ASCII"),
    ("REALM", 'a"b', "without quotes"),
    ("REALM", "a\\b", "without quotes"),
    ("REALM", "a\r\nb", "printable ASCII"),
    ("REALM", "é", "printable ASCII"),
    ("REQUEST_ID_HEADER", "", "give the name of a header field"),
    ("REQUEST_ID_HEADER", "X Request", "give the name of a header field"),
    ("REQUEST_ID_HEADER", "X-Id:", "give the name of a header field"),
    ("REQUEST_ID_HEADER", "X-Id\n", "give the name of a header field"),
    ("REQUEST_ID_HEADER", False, "or None to switch it off"),
    ("REFERENCE_URL", "errors", "give a path"),
    ("REFERENCE_URL", "/errors/", "without a slash at its end"),
    ("REFERENCE_URL", "/", "give a path"),
    ("REFERENCE_URL", "https://example.com/errors", "give a path"),
    ("REFERENCE_URL", "/<x>", "give a path"),
    ("REFERENCE_URL", True, "or None to switch it off"),
    ("RATE_LIMITS", [("a", "b")], "give a dict from an endpoint"),
    ("RATE_LIMITS", {5: "1/second"}, "5 is not an endpoint"),
    ("RATE_LIMITS", {"": "1/second"}, "'' is not an endpoint"),
    ("RATE_LIMITS", {"a": 5}, "5 for 'a' is not a limit. Write '10/second'"),
    ("RATE_LIMITS", {"a": " "}, "' ' for 'a' is not a limit"),
]


@pytest.mark.parametrize(("key", "value", "remedy"), WRONG)
def test_a_wrong_value_fails_in_init_app_with_the_remedy(key: str, value: Any, remedy: str) -> None:
    app = Flask(__name__)
    app.config[f"APIERRORS_{key}"] = value
    with pytest.raises(ValueError, match=f"(?s)^APIERRORS_{key} = .*{remedy}"):
        ApiErrors(app)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("APIERRORS_MAX_ERROR", "Did you mean APIERRORS_MAX_ERRORS? Correct it"),
        ("APIERRORS_REALMS", "Did you mean APIERRORS_REALM?"),
        ("APIERRORS_", "Unknown configuration key APIERRORS_."),
        ("APIERRORS_ÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜ", "Correct it or remove it."),
    ],
)
def test_an_unknown_key_fails_in_init_app_and_the_nearest_one_is_suggested(
    key: str, remedy: str
) -> None:
    app = Flask(__name__)
    app.config[key] = 1
    with pytest.raises(ValueError, match="Unknown configuration key") as failure:
        ApiErrors(app)
    assert remedy in str(failure.value)


def test_the_configuration_is_read_once_and_frozen() -> None:
    messages = {404: "Nothing here."}
    limits: dict[str, str | None] = {"a": "1/second"}
    config = Config.from_mapping({"APIERRORS_MESSAGES": messages, "APIERRORS_RATE_LIMITS": limits})
    messages[404] = "Changed."
    limits["a"] = None
    assert config.messages == {404: "Nothing here."}
    assert config.rate_limits == {"a": "1/second"}
    with pytest.raises(TypeError):
        config.messages[500] = "x"  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        config.realm = "other"  # type: ignore[misc]


def test_a_status_can_be_text_as_in_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLASK_APIERRORS_MESSAGES__404", "Nothing here.")
    monkeypatch.setenv("FLASK_APIERRORS_MEMBERS", '["error", "status"]')
    monkeypatch.setenv("FLASK_APIERRORS_VALIDATION_STATUS", "422")
    app = Flask(__name__)
    app.config.from_prefixed_env()
    ApiErrors(app)
    assert app.test_client().get("/nowhere").get_json() == {"error": "Nothing here.", "status": 404}


# -- paths


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/x", "/v2/x/y"])
def test_a_prefix_covers_itself_and_the_paths_below_it(path: str) -> None:
    assert Config(url_prefixes=("/api", "/v2")).covers(path)


@pytest.mark.parametrize("path", ["/", "", "/apiary", "/ap", "/API", "/x/api", "/v2x", "//api"])
def test_a_prefix_ends_at_a_segment(path: str) -> None:
    assert not Config(url_prefixes=("/api", "/v2")).covers(path)


def test_without_prefixes_the_whole_site_is_covered() -> None:
    assert Config().covers("/anything")
    assert Config().covers("")


# -- sentences


def test_a_sentence_for_a_type_wins_over_one_for_its_status() -> None:
    config = Config.from_mapping(
        {
            "APIERRORS_MESSAGES": {
                404: "Nothing.",
                "vessel-not-found": "No vessel.",
                "gone": "It left.",
            }
        }
    )
    assert config.text_of(Sentence(404), 404, "vessel-not-found") == "No vessel."
    assert config.text_of(Sentence(404), 404, "other") == "Nothing."
    assert config.text_of(Sentence(404), 404) == "Nothing."
    assert config.text_of(Sentence(410), 410, "gone") == "It left."
    assert config.text_of(Sentence(409), 409, "conflict") == str(Sentence(409))


def test_a_lazy_sentence_is_translated_for_each_request(make_app: Callable[..., Flask]) -> None:
    lazy = Lazy()
    app = make_app(APIERRORS_MESSAGES={404: lazy})
    for language in ("Nichts.", "Rien."):
        lazy.text = language
        assert app.test_client().get("/nowhere").get_json() == {"error": language}


def test_an_empty_or_failing_translation_keeps_the_status_and_gives_a_sentence(
    make_app: Callable[..., Flask],
) -> None:
    lazy = Lazy(" ")
    app = make_app(APIERRORS_MESSAGES={409: lazy})
    app.add_url_rule("/", view_func=lambda: abort(409))
    response = app.test_client().get("/")
    assert (response.status_code, response.get_json()) == (409, {"error": str(Sentence(409))})
    lazy.text = None
    response = app.test_client().get("/")
    assert (response.status_code, response.get_json()) == (409, {"error": "<Lazy>"})


@pytest.mark.parametrize("value", ["True", "message", (), ("",), (1,), 1, None])
def test_a_wrong_value_of_adopt_names_the_remedy(value: Any) -> None:
    with pytest.raises(ValueError, match="give True, False, or a tuple"):
        Config.from_mapping({"APIERRORS_ADOPT": value})


def test_adopt_is_off_or_names_the_members_that_have_the_sentence() -> None:
    assert Config().adopt is False
    assert Config.from_mapping({"APIERRORS_ADOPT": False}).adopt is False
    assert Config.from_mapping({"APIERRORS_ADOPT": True}).adopt == SENTENCE_NAMES
    assert Config.from_mapping({"APIERRORS_ADOPT": ["msg"]}).adopt == ("msg",)
