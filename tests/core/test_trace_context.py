"""Promises of the trace ID: it is that of a valid ``traceparent``, and of no other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors._core.trace_context import trace_id_of

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE_ID}-{PARENT_ID}-01"


def hexadecimal(digits: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=digits, max_size=digits)


@pytest.mark.parametrize(
    "traceparent",
    [
        VALID,
        f"00-{TRACE_ID}-{PARENT_ID}-00",
        f"cc-{TRACE_ID}-{PARENT_ID}-01",
        f"cc-{TRACE_ID}-{PARENT_ID}-01-what-the-future-brings",
    ],
)
def test_a_valid_header_names_its_trace(traceparent: str) -> None:
    assert trace_id_of(traceparent) == TRACE_ID


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{VALID}-more",
        f"{VALID}-",
        f"{VALID},{VALID}",
        f"cc{VALID[2:]}more",
        f"cc{VALID[2:]}-a\n",
        VALID.upper(),
        VALID[:-1],
        f" {VALID}",
        f"{VALID}\n",
        VALID.replace("-", "_"),
        f"00-{TRACE_ID[:-1]}٣-{PARENT_ID}-01",
    ],
)
def test_an_invalid_header_names_no_trace(traceparent: str) -> None:
    assert trace_id_of(traceparent) is None


def split(traceparent: str) -> str | None:
    """Read a header as section 3.2 of W3C Trace Context describes it, without the pattern."""
    version, *fields = traceparent.split("-")
    if len(fields) < 3 or version == "ff" or (version == "00" and len(fields) > 3):
        return None
    trace_id, parent_id, flags = fields[:3]
    parts = ((version, 2), (trace_id, 32), (parent_id, 16), (flags, 2))
    is_hex = all(re.fullmatch(f"[0-9a-f]{{{length}}}", part) for part, length in parts)
    return trace_id if is_hex and set(trace_id) != {"0"} and set(parent_id) != {"0"} else None


@given(
    st.one_of(
        st.text(),
        st.tuples(hexadecimal(2), hexadecimal(32), hexadecimal(16), hexadecimal(2)).map("-".join),
        st.lists(st.sampled_from(["00", "ff", "cc", TRACE_ID, "0" * 32, PARENT_ID, "0" * 16])).map(
            "-".join
        ),
    )
)
def test_the_pattern_reads_what_the_standard_says(traceparent: str) -> None:
    assert trace_id_of(traceparent) == split(traceparent)
