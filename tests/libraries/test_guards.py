from __future__ import annotations

from flask_apierrors._libraries.guards import GUARD_MARKS


def test_each_library_has_a_file_of_its_own() -> None:
    modules = [guard_mark.__module__ for guard_mark in GUARD_MARKS]
    assert len(set(modules)) == len(modules)
