"""What an audit found."""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that one response breaks."""

    #: The name of the rule, such as ``allow-missing``.
    rule: str
    #: What is wrong.
    fault: str
    #: The source, such as ``RFC 9110 section 15.5.6``.
    source: str
    #: What to do about it.
    remedy: str
    #: The endpoint. It is empty for a URL without one.
    endpoint: str
    #: The request, as a command that repeats it.
    request: str
    #: The first line of the response and of its body.
    response: str


class Report(list[Finding]):
    """The findings of an audit. It is empty, and so false, for an app that keeps all promises."""

    #: The endpoints that no request could be made for.
    skipped: tuple[str, ...] = ()
    #: How many requests were sent.
    requests: int = 0

    def __repr__(self) -> str:
        """Return a paragraph for each rule that is broken, with the first requests that show it."""
        by_rule: dict[str, list[Finding]] = {}
        for finding in self:
            by_rule.setdefault(finding.rule, []).append(finding)
        return "\n\n".join(_paragraph(findings) for findings in by_rule.values()) or "[]"

    __str__ = __repr__


def _paragraph(findings: list[Finding]) -> str:
    first = findings[0]
    lines = [f"{first.rule}: {first.fault} ({first.source})", f"  {first.remedy}"]
    for finding in findings[:_SHOWN]:
        place = finding.endpoint or "a URL without an endpoint"
        lines += [f"  {place}: {finding.request}".rstrip(": "), f"    {finding.response}"]
    if len(findings) > _SHOWN:
        lines.append(f"  and {len(findings) - _SHOWN} more")
    return "\n".join(lines)
