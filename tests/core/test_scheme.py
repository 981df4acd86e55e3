from __future__ import annotations

import inspect

import pytest

from flask_apierrors._core.scheme import Scheme
from flask_apierrors._guards.schemes import SCHEMES


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_every_scheme_has_all_parts_of_the_protocol(scheme: Scheme) -> None:
    methods = inspect.getmembers(Scheme, inspect.isfunction)
    for name, method in methods:
        if not name.startswith("_"):
            signature = inspect.signature(getattr(scheme, name))
            assert [*signature.parameters] == [*inspect.signature(method).parameters][1:]
    assert scheme.security_scheme["type"]
    assert scheme.credentials_name.startswith(("a ", "an "))
