from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import marshmallow as ma
import pytest
from flask import Blueprint, Flask, jsonify, request
from flask.json.provider import DefaultJSONProvider, JSONProvider
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import Conflict, Gone

from flask_apierrors import ApiErrors, requires_json
from flask_apierrors._guards.json_body import (
    JsonDecoder,
    MalformedJson,
    unsupported_encoding,
    unsupported_media_type,
)


class OwnProvider(JSONProvider):
    """A provider that accepts whatever Python's decoder accepts."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return json.dumps(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return json.loads(s)


DEFAULT = JsonDecoder(DefaultJSONProvider(Flask(__name__)))
OWN = JsonDecoder(OwnProvider(Flask(__name__)))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | FINITE | st.text(max_size=20),
    lambda below: (
        st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4)
    ),
    max_leaves=12,
)


def refusal(body: str | bytes, decoder: JsonDecoder = DEFAULT) -> str:
    with pytest.raises(MalformedJson) as caught:
        decoder.loads(body)
    return str(caught.value)


# -- the decoder


@given(VALUES, st.booleans(), st.sampled_from([None, 2]), st.sampled_from(["", " \r\n\t"]))
def test_valid_json_is_decoded_as_by_pythons_decoder(
    value: Any, ascii_only: bool, indent: int | None, space: str
) -> None:
    text = space + json.dumps(value, ensure_ascii=ascii_only, indent=indent) + space
    for decoder in (DEFAULT, OWN):
        assert decoder.loads(text) == decoder.loads(text.encode()) == json.loads(text) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xff\xfe[\x001\x00]\x00")
@example(b"\x00")
@example(b"\xed\xa0\x80")
def test_any_bytes_give_a_value_or_are_refused(body: bytes) -> None:
    for decoder in (DEFAULT, OWN):
        try:
            value = decoder.loads(body)
        except MalformedJson:
            continue
        assert value == json.loads(body.removeprefix(b"\xef\xbb\xbf").decode())


def fail(text: str) -> Any:
    raise ValueError(text)


def finite(digits: str) -> float:
    return float(digits) if math.isfinite(float(digits)) else fail(digits)


@given(
    st.text(alphabet='[]{}",:0123456789.eE+-truefalsnINy\\u \n', max_size=60)
    | st.from_regex(r"\[-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?\]", fullmatch=True)
)
@example("[NaN")
@example("[1E400]")
def test_text_is_accepted_exactly_if_rfc_8259_accepts_it(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=fail, parse_float=finite)
    except ValueError:
        with pytest.raises(MalformedJson):
            DEFAULT.loads(text)
    else:
        assert DEFAULT.loads(text) == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is empty"),
        (b" \r\n\t", "the body is empty"),
        (b"\xef\xbb\xbf", "the body is empty"),
        (b"\xff\xfe", "it is not UTF-8 at byte 0"),
        (b'{"a": "\xe9"}', "it is not UTF-8 at byte 7"),
        (b"\xed\xa0\x80", "it is not UTF-8 at byte 0"),
        (b"{", "Expecting property name enclosed in double quotes at line 1 column 2"),
        (b'{"a":\n  }', "Expecting value at line 2 column 3"),
        (b"[1] [2]", "Extra data at line 1 column 5"),
        (b'"\x01"', "Invalid control character at at line 1 column 2"),
        (b'"\\x"', "Invalid \\escape at line 1 column 2"),
        (b"'a'", "Expecting value at line 1 column 1"),
        (b"01", "Extra data at line 1 column 2"),
        (b"NaN", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b"1e400", "a number is too large"),
        (b"[-1e400]", "a number is too large"),
        (b"9" * 5_000, "an integer is too long"),
        (rb'"\ud83d"', "a text holds half a surrogate pair"),
        (rb'{"\uDC00": 1}', "a text holds half a surrogate pair"),
        (rb'["\ude00\ud83d"]', "a text holds half a surrogate pair"),
        (rb'["\ud83d\ud83d\ude00"]', "a text holds half a surrogate pair"),
        (rb'["\\\ud83d\\ude00"]', "a text holds half a surrogate pair"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
        (b"[" * 101 + b"]" * 101, "it is nested too deeply"),
        (b'{"a":[' * 51 + b"]}" * 51, "it is nested too deeply"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(body: bytes, words: str) -> None:
    sentence = refusal(body)
    assert sentence.startswith(words.replace("\\\\", "\\")) or sentence == words


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[1, Infinity]",
        b'{"a": [-Infinity]}',
        b"1e400",
        b'{"a": {"b": [1e400]}}',
        b"9" * 5_000,
        b"[" * 100_000,
        b"",
        b"{",
        b"\xff",
    ],
)
def test_the_apps_own_provider_is_held_to_the_same_rules(body: bytes) -> None:
    assert refusal(body, OWN)


def test_a_value_error_of_a_provider_is_a_refusal() -> None:
    class Picky(OwnProvider):
        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            raise ValueError("in words for programmers")

    assert refusal(b"[]", JsonDecoder(Picky(Flask(__name__)))) == "it cannot be decoded"


class DecodeError(Exception):
    """A decoder's own exception, which is no ``ValueError``."""


def app_whose_decoder_raises(failure: Exception) -> Flask:
    class Failing(OwnProvider):
        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            raise failure

    app = type("App", (Flask,), {"json_provider_class": Failing})(__name__)
    errors = ApiErrors(app)
    errors.convert(BufferError, to=Conflict)
    app.add_url_rule("/", view_func=lambda: request.get_json(), methods=["POST"])
    return app  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (DecodeError("in words for programmers"), 400),
        (TypeError("a bug"), 500),
        (KeyError("a bug"), 500),
        (MemoryError(), 500),
        (Gone("An author's."), 410),
        (BufferError("an author converts it"), 409),
        (ma.ValidationError("An author's."), 400),
    ],
    ids=repr,
)
def test_a_decoders_own_exception_is_a_400_and_a_bug_is_not(
    failure: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_whose_decoder_raises(failure)
    response = app.test_client().post("/", json={})
    assert response.status_code == status
    if isinstance(failure, DecodeError):
        assert b"Malformed JSON: it cannot be decoded." in response.data
    assert len(caplog.records) == (status == 500)


@pytest.mark.parametrize("register", ["app", "blueprint"])
def test_an_exception_that_an_author_handles_is_no_refusal_of_a_decoder(register: str) -> None:
    app = app_whose_decoder_raises(DecodeError())
    owner = Blueprint("own", __name__) if register == "blueprint" else app
    owner.register_error_handler(DecodeError, lambda exc: ("Mine.", 418))
    if isinstance(owner, Blueprint):
        owner.add_url_rule("/own", view_func=lambda: request.get_json(), methods=["POST"])
        app.register_blueprint(owner)
    path = "/own" if register == "blueprint" else "/"
    assert app.test_client().post(path, json={}).status_code == 418


def test_without_an_app_a_decoders_own_exception_is_a_refusal() -> None:
    class Failing(OwnProvider):
        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            raise DecodeError

    assert refusal(b"[]", JsonDecoder(Failing(Flask(__name__)))) == "it cannot be decoded"


# -- what the provider accepts


@pytest.mark.parametrize(
    "body", [b"[NaN]", b"[1e400]", rb'["\ud83d"]', b"[" * 101 + b"]" * 101, b"[\x001\x00]\x00"]
)
def test_a_decoder_that_is_not_strict_accepts_what_the_provider_accepts(body: bytes) -> None:
    provider = DefaultJSONProvider(Flask(__name__))
    assert repr(JsonDecoder(provider, is_strict=False).loads(body)) == repr(json.loads(body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b" ", "the body is empty"),
        (b"[\xff", "it is not UTF-8 at byte 1"),
        (b"[1", "Expecting ',' delimiter at line 1 column 3"),
        (b"9" * 5_000, "an integer is too long"),
        (b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_a_decoder_that_is_not_strict_says_what_is_wrong(body: bytes, words: str) -> None:
    decoder = JsonDecoder(DefaultJSONProvider(Flask(__name__)), is_strict=False)
    assert refusal(body, decoder) == words


def test_a_value_is_accepted_up_to_the_deepest_level() -> None:
    for text in ("[" * 100 + "]" * 100, '{"a":' * 99 + "{}" + "}" * 99):
        assert DEFAULT.loads(text) == json.loads(text)
    assert DEFAULT.loads(json.dumps("[" * 500)) == "[" * 500
    assert DEFAULT.loads(json.dumps([[]] * 500)) == [[]] * 500
    assert DEFAULT.loads(json.dumps([{}] * 500)) == [{}] * 500


@given(VALUES)
def test_escapes_of_whole_characters_are_accepted(value: Any) -> None:
    assert DEFAULT.loads(json.dumps([value, "😀\\😀", "\\ud83d"])) == [value, "😀\\😀", "\\ud83d"]


@given(
    st.lists(
        st.sampled_from(
            ["\\", "u", "\\ud83d", "\\ude00", "\\uDBFF", "\\uDFFF", "\\u0041", "d83d", "\\\\", "n"]
        ),
        max_size=8,
    ).map("".join)
)
def test_a_text_that_is_accepted_can_be_encoded(inside: str) -> None:
    text = f'["{inside}"]'
    try:
        expected = json.loads(text)
        expected[0].encode()
    except ValueError:
        with pytest.raises(MalformedJson):
            DEFAULT.loads(text)
    else:
        assert DEFAULT.loads(text) == expected


def test_a_byte_order_mark_is_removed() -> None:
    assert DEFAULT.loads(b"\xef\xbb\xbf[1]") == [1]


def test_numbers_keep_their_type_and_digits() -> None:
    assert DEFAULT.loads("[1, 1.0, -0.0, 1e2, 1E-400]") == [1, 1.0, -0.0, 100.0, 0.0]
    assert DEFAULT.loads("9" * 4_000) == int("9" * 4_000)


def test_a_provider_that_changes_only_the_encoding_keeps_the_strict_decoder() -> None:
    class Encoding(DefaultJSONProvider):
        sort_keys = False

    assert refusal(b"NaN", JsonDecoder(Encoding(Flask(__name__)))) == "NaN is not a JSON number"


def test_a_provider_that_an_author_changed_is_used() -> None:
    app = Flask(__name__)
    app.json.loads = lambda text, **options: ["mine"]  # type: ignore[method-assign]
    assert JsonDecoder(app.json).loads(b"[]") == ["mine"]


# -- in an app


class Tree(ma.Schema):
    child = ma.fields.Nested(lambda: Tree())


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app()
    app.add_url_rule("/", view_func=lambda: jsonify(request.get_json()), methods=["POST"])
    app.add_url_rule(
        "/guarded",
        view_func=requires_json(lambda: jsonify(request.get_json())),
        methods=["POST"],
        endpoint="guarded",
    )
    app.add_url_rule(
        "/silent",
        view_func=lambda: jsonify(request.get_json(silent=True)),
        methods=["POST"],
        endpoint="silent",
    )
    app.add_url_rule(
        "/tree",
        view_func=lambda: Tree().load(request.get_json()),
        methods=["POST"],
        endpoint="tree",
    )
    return app


@pytest.mark.parametrize("path", ["/", "/guarded"])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "Malformed JSON: the body is empty."),
        (b'{"a": 1', "Malformed JSON: Expecting ',' delimiter at line 1 column 8."),
        (b"\xff", "Malformed JSON: it is not UTF-8 at byte 0."),
        (b"[NaN]", "Malformed JSON: NaN is not a JSON number."),
        (b"[1e400]", "Malformed JSON: a number is too large."),
        (b"9" * 5_000, "Malformed JSON: an integer is too long."),
        (b"[" * 100_000, "Malformed JSON: it is nested too deeply."),
    ],
)
def test_a_malformed_body_is_a_400_that_says_what_is_wrong(
    app: Flask, path: str, body: bytes, sentence: str
) -> None:
    response = app.test_client().post(path, data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.get_json() == {"error": sentence}


@pytest.mark.parametrize("depth", [50, 100, 101, 130, 500, 900, 950, 970, 980, 990, 1_000, 5_000])
def test_nesting_of_any_depth_is_answered(app: Flask, depth: int) -> None:
    client = app.test_client()
    lists = client.post("/", data="[" * depth + "]" * depth, content_type="application/json")
    objects = client.post(
        "/tree",
        data='{"child":' * (depth - 1) + "{}" + "}" * (depth - 1),
        content_type="application/json",
    )
    assert lists.status_code == objects.status_code == (200 if depth <= 100 else 400)


def test_a_silent_read_of_a_malformed_body_returns_none(app: Flask) -> None:
    for body in (b"NaN", b"[" * 100_000, b"", b"\xff"):
        response = app.test_client().post("/silent", data=body, content_type="application/json")
        assert (response.status_code, response.data) == (200, b"null\n")


def test_a_body_with_another_media_type_is_a_415(app: Flask) -> None:
    response = app.test_client().post("/", data=b"{}", content_type="text/plain")
    assert response.status_code == 415
    assert response.get_json() == {
        "error": "Unsupported media type. Send Content-Type: application/json."
    }
    assert response.headers["Accept"] == "application/json"


def test_a_malformed_body_gets_the_same_answer_in_debug_mode(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(DEBUG=True, TRAP_BAD_REQUEST_ERRORS=False)
    app.add_url_rule("/", view_func=lambda: jsonify(request.get_json()), methods=["POST"])
    response = app.test_client().post("/", data=b"[NaN]", content_type="application/json")
    assert (response.status_code, response.get_json()) == (
        400,
        {"error": "Malformed JSON: NaN is not a JSON number."},
    )


def test_the_decoder_encodes_as_the_apps_provider_does(app: Flask) -> None:
    with app.test_request_context():
        assert request.json_module.dumps({"b": 1, "a": 2}) == app.json.dumps({"b": 1, "a": 2})


# -- 415


def test_a_415_names_the_accepted_types() -> None:
    single = unsupported_media_type(("text/csv",), "POST")
    assert (single.code, str(single.description)) == (
        415,
        "Unsupported media type. Send Content-Type: text/csv.",
    )
    assert single.headers == (("Accept", "text/csv"),)
    several = unsupported_media_type(("text/csv", "application/json"), "PATCH")
    assert (
        str(several.description)
        == "Unsupported media type. Send Content-Type: one of text/csv, application/json."
    )
    assert several.headers == (
        ("Accept", "text/csv, application/json"),
        ("Accept-Patch", "text/csv, application/json"),
    )
    assert unsupported_media_type(("text/csv",), "QUERY").headers == (
        ("Accept", "text/csv"),
        ("Accept-Query", "text/csv"),
    )


def test_a_415_for_a_compressed_body_names_the_coding() -> None:
    error = unsupported_encoding()
    assert (error.code, error.headers) == (415, {"Accept-Encoding": "identity"})
