"""``record``: what the endpoints of an app answered during a test run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import Flask, request

from .._catalogue.catalogue import catalogue
from .._core.errors import Problem
from .._core.signals import error_answered


class Seen(NamedTuple):
    """An error at one endpoint. An empty endpoint stands for URLs without one."""

    endpoint: str
    method: str
    status: int
    code: str


class Recording:
    """The errors that an app answered, and those that its catalogue knows.

    Recordings of several apps, or of several processes, can be merged.
    """

    def __init__(self) -> None:
        #: How often each error was answered.
        self.answered: Counter[Seen] = Counter()
        self._known: set[Seen] = set()
        self._anywhere: set[tuple[int, str]] = set()

    @property
    def undeclared(self) -> list[Seen]:
        """The errors that were answered, and that the catalogue does not know."""
        # A URL without an endpoint has no operation, such as that of a method that is not allowed.
        anywhere = self._anywhere | {(known.status, known.code) for known in self._known}
        return sorted(
            seen
            for seen in self.answered
            if seen not in self._known
            and (seen.status, seen.code) not in (self._anywhere if seen.endpoint else anywhere)
        )

    @property
    def unseen(self) -> list[Seen]:
        """The errors that the catalogue knows, and that no test caused."""
        return sorted(self._known - self.answered.keys())

    def learn(self, app: Flask) -> None:
        """Read the catalogue of an app.

        :param app: The app, with its ``ApiErrors`` and all its views.
        """
        contract = catalogue(app)
        for operation in contract.operations:
            for error in operation.errors:
                self._known.add(Seen(error.endpoint, error.method, error.status, error.code))
        self._anywhere |= {
            (entry.status, entry.code) for entry in contract.errors if entry.anywhere
        }

    def add(self, problem: Problem) -> None:
        """Count an error of the current request.

        :param problem: The error.
        """
        method = "GET" if request.method == "HEAD" else request.method
        self.answered[Seen(request.endpoint or "", method, problem.status, problem.code)] += 1

    def merge(self, members: Mapping[str, Any]) -> None:
        """Add another recording.

        :param members: What :meth:`to_dict` of the other one returned.
        """
        for *seen, count in members["answered"]:
            self.answered[Seen(*seen)] += count
        self._known |= {Seen(*seen) for seen in members["known"]}
        self._anywhere |= {(status, code) for status, code in members["anywhere"]}

    def to_dict(self) -> dict[str, Any]:
        """Convert to values that JSON has.

        :returns: The errors that were answered, with how often; those that the catalogue knows; and
            those that any URL can answer. :attr:`undeclared` and :attr:`unseen` follow from them.
        """
        return {
            "answered": [[*seen, count] for seen, count in sorted(self.answered.items())],
            "known": sorted(map(list, self._known)),
            "anywhere": sorted(map(list, self._anywhere)),
            "undeclared": list(map(list, self.undeclared)),
            "unseen": list(map(list, self.unseen)),
        }

    def __str__(self) -> str:
        """Return a table: each error, with how often it was answered."""
        undeclared = set(self.undeclared)
        rows = [("times", "status", "code", "method", "endpoint", "")]
        for seen in sorted({*self.answered, *self.unseen}):
            note = "not in the catalogue" if seen in undeclared else ""
            note = note if seen in self.answered else "not seen"
            times = str(self.answered[seen])
            endpoint = seen.endpoint or "(none)"
            rows.append((times, str(seen.status), seen.code, seen.method, endpoint, note))
        return _table(rows)


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


@contextmanager
def record(app: Flask) -> Iterator[Recording]:
    """Record the errors that an app answers in the ``with`` block.

    :param app: The app, with its ``ApiErrors`` and all its views.
    :returns: The recording. It is complete at the end of the block.
    """
    recording = Recording()

    def receive(sender: Flask, *, problem: Problem, **_: Any) -> None:
        recording.add(problem)

    error_answered.connect(receive, app)
    try:
        yield recording
    finally:
        error_answered.disconnect(receive, app)
        recording.learn(app)
