"""Random identifiers for requests.

Goal
    An identifier that no client can predict, without a system call for each error.

Plan
    Ask the system for many at once, and hand them out one by one.

Warning:
    A forked process must not hand out those of its parent, so they are dropped after a fork.

Measured
    With a call of ``os.urandom`` for each, an ``abort(404)`` under gunicorn takes 225 instead of
    215 µs of CPU time: 5 % more.

"""

from __future__ import annotations

import os
from collections.abc import Iterator

_COUNT = 256


class Identifiers:
    """Identifiers of 32 hexadecimal digits. Threads may share them.

    ``next(identifiers.left, None) or identifiers.refill()`` takes one.
    """

    def __init__(self) -> None:
        self.left: Iterator[str] = iter(())

    def refill(self) -> str:
        """Ask the system for more, and return the first of them."""
        digits = os.urandom(16 * _COUNT).hex()
        left = iter([digits[start : start + 32] for start in range(0, len(digits), 32)])
        identifier = next(left)
        self.left = left
        return identifier

    def drop(self) -> None:
        """Drop the identifiers that are left."""
        self.left = iter(())


IDENTIFIERS = Identifiers()
if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=IDENTIFIERS.drop)
