from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_apierrors._core.accept import (
    BoundedMemo,
    best_match,
    essence,
    media_ranges,
    wants_problem,
)

OFFERS = ["application/json", "text/csv", "application/problem+json", "text/html"]
RANGES = [
    *OFFERS,
    "APPLICATION/JSON",
    "Text/CSV",
    "text/*",
    "application/*",
    "*/*",
    "image/png",
    "image/*",
    "TEXT/*",
]
QUALITIES = [
    "",
    ";q=0",
    ";q=0.0",
    ";q=0.000",
    ";q=0.1",
    ";q=0.5",
    ";q=0.999",
    ";q=1",
    ";q=1.000",
    ";Q=0.5",
    " ; q=0.3 ",
    ";charset=utf-8;q=0.7",
]
PARTS = st.builds(
    lambda media_range, quality: media_range + quality,
    st.sampled_from(RANGES),
    st.sampled_from(QUALITIES),
)
HEADERS = st.lists(PARTS, min_size=1, max_size=6).map(", ".join)
MALFORMED = [
    "",
    "foo",
    "*",
    "/",
    "text/",
    "/json",
    "*/json",
    "a/b/c",
    "text / html",
    "é/ü",
    "\x00/\x01",
    ";q=1",
    "q=1",
    "text/html;q=2",
    "text/html;q=-1",
    "text/html;q=inf",
    "text/html;q=nan",
    "text/html;q=1e0",
    "text/html;q=abc",
]


def specified_quality(offer: str, header: str) -> float:
    """Return the quality of the most specific range that matches.

    See RFC 9110 sections 12.4.2 and 12.5.1.
    """
    best, quality = (0, 0), 0.0
    for part in header.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [parameter for parameter in parameters if parameter.startswith("q=")]
        weight = float(weights[0][2:]) if weights else 1.0
        if media_range == offer:
            specificity = 3
        elif media_range == offer.split("/")[0] + "/*":
            specificity = 2
        else:
            specificity = 1 if media_range == "*/*" else 0
        # No offer has parameters, so a range without any is nearer.
        rank = (specificity, len(weights) - len(parameters))
        if specificity and rank > best:
            best, quality = rank, weight
        elif specificity and rank == best:
            quality = max(quality, weight)
    return quality


@pytest.mark.standard("quality-default", "most-specific-range", "quality-anywhere")
@given(HEADERS, st.lists(st.sampled_from(OFFERS), min_size=1, max_size=4, unique=True))
@example("text/*;q=0.5, text/csv;q=0, */*;q=0.1", OFFERS)
def test_the_best_offer_is_the_one_that_rfc_9110_specifies(header: str, offers: list[str]) -> None:
    qualities = [specified_quality(offer, header) for offer in offers]
    expected = offers[qualities.index(max(qualities))] if max(qualities) > 0 else None
    assert best_match(header, offers) == expected


VERSIONS = ["application/json;v=1", "application/json; V=2", "text/csv", "application/json"]


@pytest.mark.standard("most-specific-range")
@pytest.mark.parametrize(
    ("header", "offer"),
    [
        ("application/json;v=1", 0),
        ("application/json;v=2", 1),
        ('application/json;v="2";q=0.5', 1),
        ("application/json;v=3", 3),
        ("application/json", 0),
        ("application/json;v=1;q=0, application/json;v=2;q=0, application/json", 3),
        ("application/json;q=0.2, application/json;v=2;q=0.3, text/csv;q=0.25", 1),
        ("application/json;v=2;q=0.1, */*;q=0.2", 0),
        ("application/json;charset=utf-8", 0),
        ("text/csv;header=present", 2),
    ],
)
def test_a_range_with_parameters_is_more_specific(header: str, offer: int) -> None:
    assert best_match(header, VERSIONS) == VERSIONS[offer]


def test_another_value_of_a_parameter_is_another_type() -> None:
    assert best_match("application/json;v=3", VERSIONS[:2]) is None
    assert best_match("application/json;V=A", ["application/json;v=a"]) == "application/json;v=a"


@pytest.mark.standard("invalid-quality")
@given(HEADERS, st.lists(st.sampled_from(MALFORMED), min_size=1, max_size=3), st.integers(0, 6))
def test_malformed_parts_are_ignored(header: str, malformed: list[str], at: int) -> None:
    parts = header.split(", ")
    mixed = [*parts[:at], *malformed, *parts[at:]]
    assert best_match(", ".join(mixed), OFFERS) == best_match(header, OFFERS)


@pytest.mark.parametrize("header", [*MALFORMED, ", ".join(MALFORMED), " ", ",,,", '"text/html'])
def test_a_header_without_a_well_formed_range_chooses_the_first_offer(header: str) -> None:
    assert best_match(header, OFFERS) == OFFERS[0]
    assert not wants_problem(header)


def test_a_comma_inside_quotes_does_not_end_a_range() -> None:
    assert (
        best_match('text/csv;a="x, text/html;q=1";q=0.5, application/json;q=0.6', OFFERS)
        == "application/json"
    )


def test_an_offer_keeps_its_parameters() -> None:
    assert (
        best_match("TEXT/CSV", ["text/html", "Text/csv; charset=utf-8"])
        == "Text/csv; charset=utf-8"
    )


def test_the_first_of_equal_offers_is_chosen() -> None:
    assert best_match("*/*", ["text/csv", "application/json"]) == "text/csv"
    assert best_match("application/json, text/csv", ["text/csv", "application/json"]) == "text/csv"


@pytest.mark.standard("quality-zero")
def test_a_quality_of_zero_excludes_an_offer() -> None:
    assert best_match("application/json;q=0", ["application/json"]) is None
    assert best_match("*/*, application/json;q=0", ["application/json"]) is None
    assert best_match("*/*;q=0, application/json", ["application/json"]) == "application/json"


@pytest.mark.standard("invalid-quality")
@given(st.text(alphabet=st.characters(max_codepoint=255)))
@example("a/b;q=")
@example("a/b;q*=utf-8''0.5")
@example('a/b;q="0.5')
def test_every_accept_header_is_read_without_an_exception(header: str) -> None:
    assert best_match(header, OFFERS) in (*OFFERS, None)
    assert wants_problem(header) in (True, False)
    for each in media_ranges(header):
        assert re.fullmatch(r"[^\s/;,]+/[^\s/;,]+", each.media_type)
        assert 0 <= each.quality <= 1


def test_an_accept_header_of_64_kilobytes_is_read() -> None:
    for part in ("a/b,", "a/b;q=0.5,", 'a/b;a="', ";", '"', "a/b;a*0=x;", "\\"):
        assert best_match(part * (65_536 // len(part)), OFFERS) in (*OFFERS, None)


@pytest.mark.parametrize("part", ["a/b,", "a/b;q=0.5,", "text/plain , ", 'a/b;a="x",'])
def test_no_more_of_a_header_is_read_than_a_client_needs(part: str) -> None:
    header = "text/csv;q=0.7," + part * 10_000 + "application/json"
    ranges = list(media_ranges(header))
    assert len(ranges) <= 500 / 4
    assert {each.media_type for each in ranges} == {"text/csv", essence(part.rstrip(" ,"))}
    assert not wants_problem(part * 10_000 + "application/problem+json")
    assert wants_problem("application/problem+json," + part * 10_000)


def test_a_range_that_never_ends_is_no_range() -> None:
    assert best_match("a/" + "b" * 10_000, OFFERS) == OFFERS[0]


# -- problem+json


@pytest.mark.standard("problem-json-by-name")
@given(HEADERS)
def test_problem_json_needs_a_name_and_at_least_the_quality_of_json(
    header: str,
) -> None:
    named = [
        part for part in header.lower().split(", ") if part.startswith("application/problem+json")
    ]
    quality = specified_quality("application/problem+json", ", ".join(named)) if named else 0
    assert wants_problem(header) == (
        quality > 0 and quality >= specified_quality("application/json", header)
    )


@pytest.mark.standard("problem-json-by-name")
@pytest.mark.parametrize(
    "header",
    [
        "application/problem+json",
        "APPLICATION/PROBLEM+JSON",
        "application/json, application/problem+json",
        "application/problem+json, application/json",
        "*/*, application/problem+json",
        "text/html, application/problem+json;q=0.1",
        "application/json;q=0.5, application/problem+json;q=0.5",
        "application/problem+json;charset=utf-8",
    ],
)
def test_a_client_that_names_problem_json_gets_it(header: str) -> None:
    assert wants_problem(header)


@pytest.mark.standard("default-body-otherwise")
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "*/*",
        "application/*",
        "application/json",
        "application/json, application/problem+json;q=0.9",
        "application/problem+json;q=0",
        "application/problem+json;q=0.1, */*",
        "application/problem+json;q=0.1, application/*;q=0.2",
        "application/problem+jsonx",
        "application/vnd.problem+json",
        "problem+json",
        "image/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ],
)
def test_every_other_client_gets_the_plain_body(header: str | None) -> None:
    assert not wants_problem(header)


# -- the memo


def test_a_memo_calls_its_function_once_for_each_header() -> None:
    calls: list[str] = []

    def shout(header: str) -> str:
        calls.append(header)
        return header.upper()

    memo = BoundedMemo(shout)
    assert [memo["a"], memo["a"], memo["b"]] == ["A", "A", "B"]
    assert calls == ["a", "b"]


def test_a_memo_never_grows_beyond_its_bounds() -> None:
    memo = BoundedMemo(str.upper)
    for number in range(1_000):
        assert memo[f"x{number}"] == f"X{number}"
    assert len(memo) == 64
    small = BoundedMemo(str.upper)
    assert small["y" * 257] == "Y" * 257
    assert len(small) == 0


def test_the_essence_has_no_parameters_and_is_lower_case() -> None:
    assert essence(" Text/HTML ; charset=utf-8; a=b") == "text/html"
    assert essence("") == ""
