"""Promises of the catalogue's values: they are JSON, and an error is found by its type."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from flask_apierrors._catalogue.model import Catalogue, Entry, HeaderField, Occurrence, Operation
from flask_apierrors._core.marks import Mark

CONFLICT = Occurrence("vessels", "POST", "/vessels", 409, "berth-taken", "raises", "never")
BERTH_TAKEN = Entry(
    "berth-taken",
    "berth-taken",
    409,
    "Berth taken",
    "Another vessel lies there.",
    "Book another berth.",
    "never",
    (HeaderField("X-Berth", "", "7"),),
    "Berth taken.",
    {"error": "Berth taken.", "until": date(2025, 5, 21)},
    {"type": "urn:problem-type:berth-taken", "free": [8, 9.5, True, None]},
    occurrences=(CONFLICT,),
)
BOOK = Operation(
    "/vessels",
    "POST",
    "vessels",
    "Book a berth.",
    (Mark("produces", ("text/csv",), condition="Answers with `text/csv`."),),
    ("10 per 1 second",),
    (CONFLICT,),
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue((BOOK,), (BERTH_TAKEN,), ())


def test_an_error_is_found_by_its_type(catalogue: Catalogue) -> None:
    assert catalogue.error("berth-taken") is BERTH_TAKEN
    with pytest.raises(KeyError, match="locked"):
        catalogue.error("locked")


def test_a_catalogue_is_json(catalogue: Catalogue, strict_json: Callable[[str], Any]) -> None:
    members = strict_json(json.dumps(catalogue.to_dict()))
    (operation,), (entry,) = members["operations"], members["errors"]
    assert operation["guards"] == [{"name": "produces", "values": ["text/csv"]}]
    assert operation["limits"] == ["10 per 1 second"]
    assert operation["errors"] == entry["occurrences"]
    assert entry["headers"] == [{"name": "X-Berth", "meaning": "", "example": "7"}]
    assert entry["example"] == {"error": "Berth taken.", "until": "2025-05-21"}
    assert entry["problem_example"]["free"] == [8, 9.5, True, None]


def test_the_members_are_the_attributes(catalogue: Catalogue) -> None:
    assert list(catalogue.to_dict()) == ["operations", "errors", "headers"]
    (entry,) = catalogue.to_dict()["errors"]
    assert list(entry) == list(Entry.__dataclass_fields__)
