"""Objects that authors hand over, and that do not let themselves be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Lazy:
    """A translation: a text only when it is asked for."""

    def __str__(self) -> str:
        return "translated"


class Shy:
    """Something that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Broken(Mapping[str, Any]):
    """A mapping that cannot be walked through."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1
