"""Objects that authors may pass, and that are hard to convert to text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Lazy:
    """A translation, which becomes text on demand."""

    def __str__(self) -> str:
        return "translated"


class Shy:
    """An object whose ``str()`` fails."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Broken(Mapping[str, Any]):
    """A mapping that cannot be iterated over."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1
