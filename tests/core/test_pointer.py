from __future__ import annotations

from typing import Any

import pytest

from flask_apierrors._core.pointer import MISSING, child_of, pointer_to


def test_a_pointer_is_a_uri_fragment() -> None:
    assert pointer_to(()) == "#"
    assert pointer_to(("items", 3, "a/b", "m~n", "é")) == "#/items/3/a~1b/m~0n/%C3%A9"


@pytest.mark.parametrize(
    ("node", "step", "child"),
    [
        ({"a": 1}, "a", 1),
        ({"a": 1}, "b", MISSING),
        ([1, 2], 1, 2),
        ([1, 2], 2, MISSING),
        ([1, 2], "1", MISSING),
        ("text", 0, MISSING),
        (None, "a", MISSING),
    ],
)
def test_a_step_leads_to_a_part_or_nowhere(node: Any, step: Any, child: object) -> None:
    assert child_of(node, step) is child
