from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors._core.pointer import MISSING, child_of, pointer_to, steps_of


@pytest.mark.standard("pointer-index")
def test_a_pointer_is_a_uri_fragment() -> None:
    assert pointer_to(()) == "#"
    assert pointer_to(("items", 3, "a/b", "m~n", "é")) == "#/items/3/a~1b/m~0n/%C3%A9"


@given(st.lists(st.text(min_size=1) | st.integers(min_value=0), max_size=5).map(tuple))
def test_a_pointer_has_the_steps_that_it_was_made_of(path: tuple[str | int, ...]) -> None:
    steps = steps_of(pointer_to(path))
    # The pointer does not tell the name "3" from the index 3.
    assert [str(step) for step in steps] == [
        str(int(step)) if str(step).isascii() and str(step).isdecimal() else step for step in path
    ]


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
