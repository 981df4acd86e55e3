from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers, WWWAuthenticate

from flask_apierrors._core.http import (
    OneVary,
    challenge,
    delay_seconds,
    header_pairs,
    header_value,
    merged_list,
    quotable,
    quoted_realm,
)
from tests.hostile import Shy

QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")  # RFC 6750 section 3


class Markup(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self


# -- Vary


def test_vary_stays_in_one_line_and_other_fields_do_not() -> None:
    headers = OneVary([("Vary", "Accept"), ("Set-Cookie", "a=1")])
    headers.add("vary", "Origin")
    headers.extend({"Vary": "Cookie, accept", "Set-Cookie": "b=2"})
    headers.add_header("Content-Disposition", "attachment", filename="a")
    assert headers.getlist("Vary") == ["Accept, Origin, Cookie"]
    assert headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert headers["Content-Disposition"] == "attachment; filename=a"


# -- values


@given(st.text())
def test_a_header_value_is_one_line_of_latin_1_that_werkzeug_accepts(text: str) -> None:
    value = header_value(text)
    assert type(value) is str
    assert not re.search(r"[\x00-\x1f\x7f]", value)
    value.encode("latin-1")
    assert Headers([("X", value)])["X"] == value


def test_a_plain_header_value_is_unchanged() -> None:
    assert header_value('Bearer realm="api"') == 'Bearer realm="api"'
    assert header_value(120) == "120"
    assert header_value("café") == "café"


def test_a_header_value_cannot_begin_a_new_field() -> None:
    assert header_value("a\r\nSet-Cookie: b=c") == "a Set-Cookie: b=c"


def test_characters_outside_latin_1_become_question_marks() -> None:
    assert header_value("5 € 東京") == "5 ? ??"


def test_a_string_subclass_becomes_a_string() -> None:
    # waitress refuses the whole answer otherwise
    assert type(header_value(Markup("a"))) is str
    ((name, value),) = header_pairs({Markup("X-A"): Markup("b")})
    assert (type(name), type(value)) == (str, str)


def test_a_header_value_without_a_text_is_named_by_its_class() -> None:
    assert header_value(Shy()) == "<Shy>"


# -- fields


@pytest.mark.parametrize("nothing", [None, {}, [], (), "", 0, 5])
def test_no_headers_give_no_fields(nothing: object) -> None:
    assert header_pairs(nothing) == ()


def test_fields_come_from_a_mapping_pairs_and_werkzeugs_headers() -> None:
    expected = (("Allow", "GET"), ("X-Count", "5"))
    assert header_pairs({"Allow": "GET", "X-Count": 5}) == expected
    assert header_pairs([("Allow", "GET"), ("X-Count", 5)]) == expected
    assert header_pairs(iter([("Allow", "GET"), ("X-Count", 5)])) == expected
    assert header_pairs(Headers([("Allow", "GET"), ("X-Count", "5")])) == expected


def test_fields_of_the_same_name_are_all_kept() -> None:
    cookies = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert header_pairs(Headers(cookies)) == cookies
    assert header_pairs({"Set-Cookie": ["a=1", "b=2"]}) == cookies
    assert header_pairs({"Set-Cookie": ("a=1", "b=2")}) == cookies
    assert header_pairs({"Set-Cookie": {"a=1"}}) == cookies[:1]


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\n", 5, None])
def test_a_field_with_an_invalid_name_is_left_out(name: object) -> None:
    assert header_pairs([(name, "x"), ("X-Good", "y")]) == (("X-Good", "y"),)


# -- delays


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (0.0, 0),
        (0.001, 1),
        (1.5, 2),
        (-3, 0),
        (-0.5, 0),
        (120, 120),
        (timedelta(milliseconds=1), 1),
        (timedelta(days=-1), 0),
        (10**400, 10**400),
        ("120", 120),
        ("0.5", 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        (datetime(2015, 10, 21), 0),
        (datetime.min, 0),
    ],
)
def test_a_delay_is_whole_seconds_rounded_up_and_never_negative(
    value: object, seconds: int
) -> None:
    assert delay_seconds(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "nan",
        "inf",
        "1e400",
        float("nan"),
        float("inf"),
        float("-inf"),
        [5],
        b"5",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Sun, 99 Nov 1994 08:49:37 GMT",
    ],
)
def test_other_values_are_no_delay(value: object) -> None:
    assert delay_seconds(value) is None


def test_a_moment_becomes_the_seconds_until_then() -> None:
    in_an_hour = datetime.now(timezone.utc) + timedelta(hours=1)
    elsewhere = in_an_hour.astimezone(timezone(timedelta(hours=9)))
    naive = in_an_hour.replace(tzinfo=None)
    as_text = in_an_hour.strftime("%a, %d %b %Y %H:%M:%S GMT")
    for moment in (in_an_hour, elsewhere, naive, as_text):
        assert 3590 <= (delay_seconds(moment) or 0) <= 3600


def test_the_last_possible_moment_is_a_delay() -> None:
    assert (delay_seconds(datetime.max) or 0) > 10**11
    assert (
        delay_seconds(datetime.max.replace(tzinfo=timezone(timedelta(hours=-23)))) or 0
    ) > 10**11


def test_a_time_zone_without_an_offset_means_utc() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

        dst = tzname = utcoffset

    assert delay_seconds(datetime(2015, 1, 1, tzinfo=Nowhere())) == 0


@given(
    st.one_of(
        st.integers(),
        st.floats(),
        st.timedeltas(),
        st.datetimes(),
        st.text(),
        st.binary(),
        st.none(),
    )
)
def test_every_value_is_read_as_a_delay_without_an_exception(value: object) -> None:
    seconds = delay_seconds(value)
    assert seconds is None or (type(seconds) is int and seconds >= 0)


# -- lists


def test_a_merged_list_contains_each_token_once() -> None:
    assert (
        merged_list("Origin, accept", "Accept", None, "", " , Cookie,") == "Origin, accept, Cookie"
    )
    assert merged_list() == ""
    assert merged_list("*", "Accept") == "*, Accept"


# -- challenges


@pytest.mark.standard("error-description-characters")
@given(st.text())
@example('"\\\r\n\x00é\ud800')
def test_no_text_breaks_a_quoted_parameter(text: str) -> None:
    value = challenge("Bearer", realm="api", error="invalid_token", error_description=text)
    parsed = WWWAuthenticate.from_header(value)
    assert parsed is not None
    assert parsed.type == "bearer"
    assert parsed.parameters == {
        "realm": "api",
        "error": "invalid_token",
        "error_description": quotable(text),
    }
    assert QUOTABLE.fullmatch(quotable(text))


def test_quotable_text_stays_readable() -> None:
    assert quotable('expired "yesterday"\r\nat C:\\x') == "expired 'yesterday' at C:/x"
    assert quotable("é") == "?"
    assert quotable({"a": 1}) == "{'a': 1}"
    assert quotable(Shy()) == "<Shy>"
    assert len(quotable("x" * 100_000)) == 1000


def test_a_challenge_omits_parameters_that_are_none() -> None:
    assert challenge("Bearer", realm="api") == 'Bearer realm="api"'
    assert challenge("Bearer", realm="api", error=None, scope=None) == 'Bearer realm="api"'
    assert (
        challenge("Bearer", realm="api", error="insufficient_scope", scope="a b")
        == 'Bearer realm="api", error="insufficient_scope", scope="a b"'
    )


# -- the realm of a challenge


@pytest.mark.standard("realm-quoted")
@pytest.mark.parametrize(
    ("challenges", "quoted"),
    [
        ("Basic realm=x", 'Basic realm="x"'),
        ("Basic Realm = x, charset=UTF-8", 'Basic Realm = "x", charset=UTF-8'),
        ("Basic realm=x, Bearer realm=y", 'Basic realm="x", Bearer realm="y"'),
        ('Basic realm="realm=x"', 'Basic realm="realm=x"'),
        ('X a="\\" realm=x", realm=y', 'X a="\\" realm=x", realm="y"'),
        ("Negotiate abc==", "Negotiate abc=="),
        ("X myrealm=x", "X myrealm=x"),
    ],
)
def test_a_realm_is_a_quoted_string(challenges: str, quoted: str) -> None:
    assert quoted_realm(challenges) == quoted
