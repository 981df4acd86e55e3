"""Text for a terminal of any width, and of any encoding."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

_GAP = 2
RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
#: What has a good likeness in ASCII; the rest becomes a question mark.
_LIKENESSES = str.maketrans(
    {
        RULE: "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{NO-BREAK SPACE}": " ",
    }
)


class _CellWrapper(textwrap.TextWrapper):
    """Breaks paths and names where they have a joint, too."""

    wordsep_re = re.compile(r"(\s+|(?<=[/.:,_-])(?=\S))")


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """The lines of a paragraph."""
    width = max(width, len(indent) + 1)
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table; cells, of one or several lines, wrap. Where even that does not fit, each row becomes a list."""
    widths = _widths([head, *rows], width)
    if widths is None:
        return [line for row in rows for line in _listed(head, row, width)]
    lines = _line(head, widths)
    lines.append(RULE * (sum(widths) + _GAP * (len(widths) - 1)))
    for row in rows:
        lines += _line(row, widths)
    return lines


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The widths of the columns: their own, less what the widest can give; ``None`` when that is not enough."""
    columns = ["\n".join(column) for column in zip(*rows, strict=True)]
    widths = [max(map(len, column.split("\n"))) for column in columns]
    least = [max(map(len, _CellWrapper.wordsep_re.split(column))) for column in columns]
    room = width - _GAP * (len(widths) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max((own, index) for index, own in enumerate(widths) if own > least[index])[1]
        widths[widest] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    columns = [_cell(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, columns))
    lines = zip(*(column + [""] * (height - len(column)) for column in columns), strict=True)
    gap = " " * _GAP
    return [
        gap.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in lines
    ]


def _cell(text: str, width: int) -> list[str]:
    wrapper = _CellWrapper(width)
    return [part for line in text.split("\n") for part in wrapper.wrap(line)]


def _listed(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    lines = wrapped(row[0], width)
    for name, cell in zip(head[1:], row[1:], strict=True):
        text = f"{name}: {'; '.join(cell.splitlines())}"
        lines += textwrap.wrap(
            text,
            max(width, 5),
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
    return lines


def printable(text: str, encoding: str) -> str:
    """The same text, with likenesses of those characters that an encoding does not have."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_LIKENESSES).encode(encoding, "replace").decode(encoding)
    return text
