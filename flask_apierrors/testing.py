"""The test kit: what to use in the tests of an API.

See https://flask-apierrors.readthedocs.io/en/latest/testing.html.
"""

from __future__ import annotations

from ._testing.assertion import assert_error
from ._testing.audit import audit
from ._testing.contexts import as_principal, production, unlimited
from ._testing.recording import Recording, Seen, record
from ._testing.report import Finding, Report

__all__ = [
    "Finding",
    "Recording",
    "Report",
    "Seen",
    "as_principal",
    "assert_error",
    "audit",
    "production",
    "record",
    "unlimited",
]
