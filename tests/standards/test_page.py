"""The page says what the tests prove."""

from __future__ import annotations

import pytest

from tests.standards.items import ITEMS
from tests.standards.page import FAIL, PAGE, PASS, proofs, render

ALL = [item for items in ITEMS.values() for item in items]


def test_each_requirement_has_a_name_of_its_own() -> None:
    assert len({item.name for item in ALL}) == len({item.sentence for item in ALL}) == len(ALL)


def test_each_requirement_has_a_test_or_a_reason() -> None:
    assert proofs().keys() == {item.name for item in ALL if not item.does_not_apply}


def test_the_page_is_that_of_the_tests() -> None:
    # The run that this test is part of proves the results: what is expected to fail has to fail.
    results = {
        name: FAIL if any(proof.reason for proof in tests) else PASS
        for name, tests in proofs().items()
    }
    if PAGE.read_text("utf-8") != render(results):
        pytest.fail("Run `make standards`: the page is older than the tests or their names.")
