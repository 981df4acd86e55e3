from __future__ import annotations

import pytest
from werkzeug.exceptions import default_exceptions

from flask_apierrors._core.statuses import (
    IDEMPOTENT_METHODS,
    RETRIES,
    Retry,
    explanation,
    retry_for,
)


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_is_explained_in_full_sentences(status: int) -> None:
    explained = explanation(status)
    assert explained.meaning.endswith(".")
    assert explained.action.endswith(".")
    assert explained.retry in RETRIES


@pytest.mark.parametrize("status", default_exceptions)
def test_every_status_that_flask_can_abort_with_has_its_own_explanation(status: int) -> None:
    assert explanation(status) not in (explanation(499), explanation(599))


def test_an_unknown_status_is_explained_as_its_class() -> None:
    assert explanation(499) != explanation(599)
    assert explanation(499).retry == "never"
    assert explanation(599).retry == "if-idempotent"


@pytest.mark.parametrize("type", ["validation-failed", "invalid-token"])
def test_a_type_of_the_package_has_its_own_explanation(type: str) -> None:
    assert explanation(400, type) != explanation(400)
    assert explanation(400, "type-of-an-author") == explanation(400)


@pytest.mark.parametrize(
    ("retry", "method", "expected"),
    [
        ("never", "GET", "never"),
        ("after-delay", "POST", "after-delay"),
        ("if-idempotent", "POST", "never"),
        ("if-idempotent", "PATCH", "never"),
        ("if-idempotent", "PROPFIND", "never"),
        *(("if-idempotent", method, "after-delay") for method in sorted(IDEMPOTENT_METHODS)),
    ],
)
def test_whether_to_retry_depends_on_the_method(retry: Retry, method: str, expected: str) -> None:
    assert retry_for(retry, method) == expected
