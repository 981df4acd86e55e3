"""The page says what the tests prove."""

from __future__ import annotations

import pytest

from tests.standards.items import ITEMS
from tests.standards.page import FAIL, NOT_RUN, PAGE, PASS, Recorder, proofs, render

pytest_plugins = ["pytester"]
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


def test_the_worst_result_of_a_requirement_counts(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = standard")
    pytester.makepyfile("""
        import pytest

        @pytest.mark.standard("good", "mixed", "missing")
        def test_good():
            pass

        @pytest.mark.standard("bad", "mixed")
        def test_bad():
            assert False

        @pytest.mark.standard("known")
        @pytest.mark.xfail(reason="known")
        def test_known():
            assert False

        @pytest.mark.standard("mended")
        @pytest.mark.xfail(reason="known", strict=True)
        def test_mended():
            pass

        @pytest.mark.standard("missing")
        @pytest.mark.skip
        def test_missing():
            pass

        @pytest.mark.standard("broken")
        def test_broken(absent):
            pass
    """)
    recorder = Recorder()
    pytester.inline_run("-p", "no:cacheprovider", plugins=[recorder])
    assert recorder.results == {
        "good": PASS,
        "mixed": FAIL,
        "missing": NOT_RUN,
        "bad": FAIL,
        "known": FAIL,
        "mended": FAIL,
        "broken": FAIL,
    }
