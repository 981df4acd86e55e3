from __future__ import annotations

import json

import pytest

from flask_apierrors._libraries.frames import variables_of, went_through


def divide(number: int) -> float:
    return divide(number - 1) if number else 1 / number


def test_each_call_of_a_function_has_its_variables() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        divide(2)
    calls = list(variables_of(raised.value, __name__, "divide"))
    assert [variables["number"] for variables in calls] == [2, 1, 0]
    assert list(variables_of(raised.value, "json", "divide")) == []
    assert list(variables_of(raised.value, __name__, "loads")) == []


def test_a_module_is_known_by_the_functions_that_ran() -> None:
    with pytest.raises(ValueError, match="Expecting") as raised:
        json.loads("{")
    assert went_through(raised.value, "json.decoder")
    assert not went_through(raised.value, "json.encoder")
