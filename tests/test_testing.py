from __future__ import annotations

from flask_apierrors import testing


def test_each_public_name_has_a_docstring() -> None:
    for name in testing.__all__:
        assert getattr(testing, name).__doc__
