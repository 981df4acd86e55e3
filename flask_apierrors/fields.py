"""marshmallow fields for APIs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timezone
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError
from marshmallow.fields import Field

from ._core.text import as_text
from ._core.validation import FieldMessage

# In marshmallow 4 a field has a type parameter; in marshmallow 3 it takes none.
if TYPE_CHECKING:
    _Field = Field[datetime]
else:
    _Field = Field

_DATE_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt](?P<minute>(?:[01]\d|2[0-3]):\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>[0-5]\d))?)",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MAX_ECHO = 64
_OPENAPI = {
    "type": "string",
    "anyOf": [{"format": "date-time"}, {"format": "date"}],
    "description": (
        "An ISO 8601 date-time with an offset or Z, or YYYY-MM-DD, which is midnight UTC."
    ),
}


class Timestamp(_Field):
    """A moment: an ISO 8601 date-time with an offset or ``Z``, or a date, which is midnight UTC.

    It loads to an aware ``datetime`` in UTC, to the microsecond. A date-time without an offset is
    refused, because it does not say which moment it is. It dumps to ISO 8601 in UTC with ``Z``. A
    naive ``datetime`` is taken as UTC.

    :param metadata: Merged into the metadata that describes the field in OpenAPI documents.
    :param options: As for every marshmallow field.
    """

    default_error_messages: dict[str, str | list[Any] | dict[Any, Any]] = {  # noqa: RUF012
        "invalid": (
            "Invalid timestamp or format: {input}, valid formats are ISO8601 or YYYY-MM-DD{hint}"
        ),
    }

    def __init__(self, *, metadata: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(metadata=_OPENAPI | dict(metadata or {}), **options)

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:
        """Make the error for a key.

        :param key: A key of ``error_messages``.
        :param kwargs: The values for its placeholders.
        :returns: The error. For ``invalid``, its text says that the field takes a timestamp.
        """
        error = super().make_error(key, **kwargs)
        # The author's message may be another object than a text.
        if key != "invalid" or not isinstance(error.messages, list):
            return error
        return ValidationError(
            [FieldMessage(as_text(message), "timestamp") for message in error.messages]
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        moment = _parse_timestamp(value) if isinstance(value, str) else None
        if moment is None:
            raise self.make_error("invalid", input=as_text(value)[:_MAX_ECHO], hint=_hint(value))
        return moment

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, datetime):
            value = datetime.combine(value, time())
        moment = (
            value.astimezone(timezone.utc)
            if value.utcoffset() is not None
            else value.replace(tzinfo=timezone.utc)
        )
        text: str = moment.isoformat()
        return text.replace("+00:00", "Z")


def _parse_timestamp(text: str) -> datetime | None:
    """Parse the text of a :class:`Timestamp`. ``None``: it is not one."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), timezone.utc)
        if match := _DATE_TIME.fullmatch(text):
            return _moment(match)
    except (ValueError, OverflowError):
        pass
    return None


def _hint(value: object) -> str:
    """Say what is wrong if a timestamp was put into a URL as it is: ``+`` is a space there."""
    if isinstance(value, str) and " " in value and _parse_timestamp(value.replace(" ", "+")):
        return ". In a URL, write the + of the offset as %2B."
    return ""


def _moment(match: re.Match[str]) -> datetime:
    fraction = ((match["fraction"] or "") + "000000")[:6]
    offset = (
        f"{match['sign']}{match['hours']}:{match['minutes'] or '00'}" if match["sign"] else "+00:00"
    )
    text = f"{match['day']}T{match['minute']}:{match['second'] or '00'}.{fraction}{offset}"
    return datetime.fromisoformat(text).astimezone(timezone.utc)
