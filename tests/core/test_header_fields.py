from __future__ import annotations

import pytest

from flask_apierrors._core.header_fields import (
    COMMON_FIELDS,
    FIELDS_OF_EVERY_ERROR,
    HEADER_FIELDS,
    CommonFields,
    FieldRow,
    meaning_of,
)
from flask_apierrors._core.http import HeaderPairs


def test_header_fields_are_explained_in_full_sentences() -> None:
    assert all(row.meaning.endswith((".", ").")) for row in HEADER_FIELDS.values())
    assert meaning_of("X-Own") == ""


def test_every_error_has_the_fields_of_rows_with_a_value() -> None:
    fields = COMMON_FIELDS.add_to((("X-Own", "1"),))
    assert fields == (
        ("X-Content-Type-Options", "nosniff"),
        ("X-Own", "1"),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept"),
    )


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ((("cache-control", "max-age=1"),), {"cache-control": ["max-age=1"], "vary": ["Accept"]}),
        ((("VARY", "Origin"), ("vary", "Cookie")), {"vary": ["Origin, Cookie, Accept"]}),
        ((("Vary", "accept"),), {"vary": ["accept"]}),
        ((("X-Content-Type-Options", "none"),), {"x-content-type-options": ["nosniff"]}),
        ((("Content-Length", "5"), ("ETag", "x")), {"content-length": [], "etag": []}),
    ],
)
def test_an_authors_field_is_kept_merged_or_replaced(
    own: HeaderPairs, expected: dict[str, list[str]]
) -> None:
    fields = COMMON_FIELDS.add_to(own)
    for name, values in expected.items():
        assert [value for field, value in fields if field.lower() == name] == values


@pytest.mark.parametrize("own", [(), (("Cache-Control", "no-cache"),), (("Vary", "Origin"),)])
def test_one_row_adds_a_field_to_every_error(own: HeaderPairs) -> None:
    row = FieldRow("`no-referrer`: no other site learns the address.", "no-referrer")
    fields = CommonFields({**HEADER_FIELDS, "Referrer-Policy": row}).add_to(own)
    assert fields.count(("Referrer-Policy", "no-referrer")) == 1


def test_every_error_has_the_fields_that_do_not_describe_a_body_of_ours() -> None:
    assert FIELDS_OF_EVERY_ERROR == (
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    )
