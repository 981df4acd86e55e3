from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any
from urllib.parse import quote

import marshmallow as ma
import pytest
from flask import Flask, request
from hypothesis import example, given
from hypothesis import strategies as st
from webargs.flaskparser import use_args

from flask_apierrors._core.validation import FieldMessage, describe
from flask_apierrors.fields import Timestamp, _parse_timestamp

UTC = timezone.utc
SENTENCE = (
    "Invalid 'to' timestamp: Invalid timestamp or format: 2025-05-25T09:41:00, "
    "valid formats are ISO8601 or YYYY-MM-DD"
)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)


class Span(ma.Schema):
    to = Timestamp()
    required = Timestamp(required=True)
    optional = Timestamp(allow_none=True)
    many = ma.fields.List(Timestamp())
    nested = ma.fields.Nested(lambda: Span(only=("to",)))


def sentence_of(data: dict[str, Any], *only: str) -> str:
    with pytest.raises(ma.ValidationError) as caught:
        Span(only=only or tuple(data)).load(data)
    return describe(caught.value.messages, 20).sentence


def load(value: Any) -> Any:
    return Span(only=("to",)).load({"to": value})["to"]


def dump(value: Any) -> Any:
    return Span(only=("to",)).dump({"to": value})["to"]


# -- the sentence


def test_a_time_without_an_offset_is_refused_with_the_sentence_of_the_contract(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    app.add_url_rule(
        "/marshmallow",
        view_func=lambda: Span(only=("to",)).load(request.args),
        endpoint="marshmallow",
    )
    app.add_url_rule(
        "/webargs",
        view_func=use_args({"to": Timestamp()}, location="query")(lambda args: args),
        endpoint="webargs",
    )
    for path in ("/marshmallow", "/webargs"):
        response = app.test_client().get(f"{path}?to=2025-05-25T09:41:00")
        assert response.status_code == 400
        assert response.data == f'{{"error":"{SENTENCE}"}}\n'.encode()


def test_the_sentence_says_timestamp_in_lists_and_nested_schemas() -> None:
    assert sentence_of({"to": "2025-05-25T09:41:00"}) == SENTENCE
    assert sentence_of({"many": ["2025-05-25", "x"]}).startswith(
        "Invalid 'many[1]' timestamp: Invalid timestamp or format: x, valid "
    )
    assert sentence_of({"nested": {"to": "x"}}).startswith(
        "Invalid 'nested.to' timestamp: Invalid timestamp or format: x, valid "
    )


def test_the_messages_of_marshmallow_do_not_say_timestamp() -> None:
    assert sentence_of({}, "required") == "Invalid 'required': Missing data for required field."
    assert sentence_of({"to": None}) == "Invalid 'to': Field may not be null."


def test_the_message_of_a_validator_does_not_say_timestamp() -> None:
    field = Timestamp(
        validate=lambda moment: (
            moment.year > 2000 or (_ for _ in ()).throw(ma.ValidationError("Too old."))
        )
    )
    with pytest.raises(ma.ValidationError) as caught:
        field.deserialize("1999-01-01")
    assert describe({"to": caught.value.messages}, 20).sentence == "Invalid 'to': Too old."


def test_an_authors_own_message_is_used() -> None:
    with pytest.raises(ma.ValidationError) as caught:
        Timestamp(error_messages={"invalid": "{input} is no moment"}).deserialize("{x}")
    (message,) = caught.value.messages
    assert isinstance(message, FieldMessage)
    assert (message, message.kind) == ("{x} is no moment", "timestamp")


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"code": ["seven"]}, "Invalid 'to.code': seven"),
        (
            {"message": "No moment.", "code": "moment"},
            "Invalid 'to.message': No moment.; Invalid 'to.code': moment",
        ),
        (["one", "two"], "Invalid 'to' timestamp: one two"),
        (KeyError("lazy"), "Invalid 'to': 'lazy'"),
    ],
)
def test_an_authors_message_can_be_any_object(message: Any, sentence: str) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        Timestamp(error_messages={"invalid": message}).deserialize("x")
    assert describe({"to": caught.value.messages}, 20).sentence == sentence


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2025-05-25T09:41:00 02:00", "2025-05-25T09:41:00+02:00"),
        ("2025-05-25T09:41 0200", "2025-05-25T09:41+0200"),
        ("2025-05-25T09:41:00.5 02", "2025-05-25T09:41:00.5+02"),
    ],
)
def test_a_plus_sign_that_became_a_space_is_named_as_the_cause(text: str, offset: str) -> None:
    assert load(offset)
    assert sentence_of({"to": text}) == (
        f"Invalid 'to' timestamp: Invalid timestamp or format: {text}, valid formats are ISO8601 "
        "or YYYY-MM-DD. In a URL, write the + of the offset as %2B."
    )


@pytest.mark.parametrize("text", ["2025-05-25 09:41:00Z", "2025-05-25T09:41:00 Z", "a b", " "])
def test_another_space_is_not_taken_for_a_plus_sign(text: str) -> None:
    assert "%2B" not in sentence_of({"to": text})


def test_at_most_64_characters_of_a_value_are_repeated() -> None:
    assert sentence_of({"to": "x" * 100_000}) == (
        "Invalid 'to' timestamp: Invalid timestamp or format: "
        + "x" * 64
        + ", valid formats are ISO8601 or YYYY-MM-DD"
    )


# -- loading


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-05-25T09:41:00Z", datetime(2025, 5, 25, 9, 41, tzinfo=UTC)),
        ("2025-05-25t09:41:00z", datetime(2025, 5, 25, 9, 41, tzinfo=UTC)),
        ("2025-05-25T09:41Z", datetime(2025, 5, 25, 9, 41, tzinfo=UTC)),
        ("2025-05-25T09:41:00+02:00", datetime(2025, 5, 25, 7, 41, tzinfo=UTC)),
        ("2025-05-25T09:41:00+0200", datetime(2025, 5, 25, 7, 41, tzinfo=UTC)),
        ("2025-05-25T09:41:00+02", datetime(2025, 5, 25, 7, 41, tzinfo=UTC)),
        ("2025-05-25T09:41:00-00:00", datetime(2025, 5, 25, 9, 41, tzinfo=UTC)),
        ("2025-05-25T09:41:00-05:30", datetime(2025, 5, 25, 15, 11, tzinfo=UTC)),
        ("2025-05-25T00:30:00+23:59", datetime(2025, 5, 24, 0, 31, tzinfo=UTC)),
        ("2025-05-25T09:41:00.5Z", datetime(2025, 5, 25, 9, 41, 0, 500_000, tzinfo=UTC)),
        ("2025-05-25T09:41:00,123456Z", datetime(2025, 5, 25, 9, 41, 0, 123_456, tzinfo=UTC)),
        ("2025-05-25T09:41:00.123456789Z", datetime(2025, 5, 25, 9, 41, 0, 123_456, tzinfo=UTC)),
        ("2025-05-25", datetime(2025, 5, 25, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("0001-01-01T00:00:00-00:01", datetime(1, 1, 1, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_loaded_as_an_aware_datetime_in_utc(text: str, moment: datetime) -> None:
    loaded = load(text)
    assert loaded == moment
    assert loaded.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "2025-05-25T09:41:00",
        "2025-05-25T09:41",
        "2025-05-25T09Z",
        "2025-05-25 09:41:00Z",
        "2025-05-25T09:41:00 02:00",
        "2025-05-25T09:41:00Z\n",
        " 2025-05-25",
        "2025-05-25\n",
        "2025-05-25Z",
        "2025-05",
        "2025",
        "20250525",
        "20250525T094100Z",
        "2025-W21-7",
        "2025-145",
        "25-05-25",
        "+2025-05-25",
        "-2025-05-25",
        "12025-05-25",
        "0000-01-01",
        "2025-00-01",
        "2025-13-01",
        "2025-02-29",
        "2025-05-32",
        "2025-05-25T24:00:00Z",
        "2025-05-25T25:00:00Z",
        "2025-05-25T09:60:00Z",
        "2025-06-30T23:59:60Z",
        "2016-12-31T23:59:60Z",
        "2025-05-25T09:41:00+24:00",
        "2025-05-25T09:41:00+02:60",
        "2025-05-25T09:41:00+2",
        "2025-05-25T09:41:00.Z",
        "2025-05-25T09:41:00Z+02:00",
        "2025-05-25T09:41:00 Z",
        "2025-05-25T09:41:00[Europe/Oslo]",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "\uff12\uff10\uff12\uff15-05-25",
        "\u0662\u0660\u0662\u0665-05-25",
        "2025-05-25T09:41:00\u221202:00",
        "2025\u201105\u201125",
        "1748166060",
        "\ud800",
        "\x00",
        "9" * 10_000,
    ],
)
def test_every_other_text_is_refused(text: str) -> None:
    assert _parse_timestamp(text) is None
    assert sentence_of({"to": text}).startswith(
        "Invalid 'to' timestamp: Invalid timestamp or format: "
    )
    sentence_of({"to": text}).encode()


@pytest.mark.parametrize(
    "value",
    [
        0,
        1748166060,
        1.5,
        True,
        [],
        {},
        ["2025-05-25"],
        {"to": "2025-05-25"},
        b"2025-05-25",
        float("nan"),
    ],
)
def test_a_value_that_is_no_text_is_refused(value: Any) -> None:
    assert sentence_of({"to": value}).startswith(
        "Invalid 'to' timestamp: Invalid timestamp or format: "
    )


@given(st.text() | st.text(alphabet="0123456789-:.,TtZz+ ", max_size=35))
def test_every_text_is_parsed_without_an_exception(text: str) -> None:
    moment = _parse_timestamp(text)
    assert moment is None or moment.tzinfo is UTC


@given(st.datetimes(timezones=OFFSETS))
@example(datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))
def test_an_isoformat_of_python_is_parsed_whatever_its_offset(moment: datetime) -> None:
    if moment.utcoffset().seconds % 60:  # type: ignore[union-attr]
        return
    try:
        expected: datetime | None = moment.astimezone(UTC)
    except OverflowError:
        expected = None
    assert _parse_timestamp(moment.isoformat()) == expected
    assert _parse_timestamp(moment.isoformat().replace("+00:00", "Z")) == expected


def test_null_is_loaded_where_it_is_allowed() -> None:
    assert Span(only=("optional",)).load({"optional": None}) == {"optional": None}


def test_an_encoded_plus_sign_in_a_query_is_parsed(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule(
        "/",
        view_func=lambda: {
            "to": Span(only=("to",)).dump(Span(only=("to",)).load(request.args))["to"]
        },
    )
    response = app.test_client().get(f"/?to={quote('2025-05-25T09:41:00+02:00')}")
    assert response.get_json() == {"to": "2025-05-25T07:41:00Z"}


# -- dumping


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (datetime(2025, 5, 25, 9, 41, tzinfo=UTC), "2025-05-25T09:41:00Z"),
        (datetime(2025, 5, 25, 9, 41), "2025-05-25T09:41:00Z"),
        (datetime(2025, 5, 25, 9, 41, tzinfo=timezone(timedelta(hours=2))), "2025-05-25T07:41:00Z"),
        (datetime(2025, 5, 25, 9, 41, 0, 5, tzinfo=UTC), "2025-05-25T09:41:00.000005Z"),
        (date(2025, 5, 25), "2025-05-25T00:00:00Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00Z"),
        (datetime.max, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_datetime_is_dumped_as_iso_8601_in_utc(value: Any, text: str | None) -> None:
    assert dump(value) == text


def test_a_time_zone_without_an_offset_is_dumped_as_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()

    class Nowhere(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

        dst = tzname = utcoffset

    assert (
        dump(datetime(2025, 5, 25, tzinfo=Nowhere()))
        == dump(datetime(2025, 5, 25))
        == "2025-05-25T00:00:00Z"
    )
    monkeypatch.undo()
    time.tzset()


@given(st.datetimes())
def test_a_dumped_timestamp_can_be_loaded(moment: datetime) -> None:
    assert load(dump(moment)) == moment.replace(tzinfo=UTC)


def test_lists_and_nested_schemas_are_loaded_and_dumped() -> None:
    data = {"many": ["2025-05-25T00:00:00Z"], "nested": {"to": "2025-05-26T00:00:00Z"}}
    schema = Span(only=("many", "nested"))
    assert schema.dump(schema.load(data)) == data
