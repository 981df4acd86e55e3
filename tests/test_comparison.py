"""The comparison of the documentation is what the apps answer today."""

from __future__ import annotations

import pytest

pytest.importorskip("apiflask")
pytest.importorskip("flask_restx")
pytest.importorskip("flask_smorest")

from benchmarks import comparison


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_page_is_what_the_apps_answer() -> None:
    assert comparison.page() == comparison.PAGE.read_text(), "run python -m benchmarks.comparison"
