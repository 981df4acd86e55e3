from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_apierrors._core.identifiers import IDENTIFIERS, Identifiers


def take(identifiers: Identifiers) -> str:
    return next(identifiers.left, None) or identifiers.refill()


def test_an_identifier_is_32_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{32}", take(Identifiers()))


def test_no_identifier_is_returned_twice_in_any_thread() -> None:
    identifiers = Identifiers()
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda _: [take(identifiers) for _ in range(2_000)], range(8))
    returned = [identifier for part in parts for identifier in part]
    assert len(set(returned)) == len(returned) == 16_000


def test_identifiers_come_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: b"\xab" * size)
    assert take(Identifiers()) == "ab" * 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_return_those_of_its_parent() -> None:
    take(IDENTIFIERS)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, take(IDENTIFIERS).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() not in {take(IDENTIFIERS) for _ in range(256)}
    os.close(read)
    os.close(write)


def test_identifiers_that_were_dropped_are_not_returned() -> None:
    identifiers = Identifiers()
    take(identifiers)
    upcoming = list(identifiers.left)
    take(identifiers)
    identifiers.drop()
    assert take(identifiers) not in upcoming
