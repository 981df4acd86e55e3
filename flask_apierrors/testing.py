"""The test kit: what to use in the tests of an API.

See https://flask-apierrors.readthedocs.io/en/latest/testing.html.
"""

from __future__ import annotations

from ._testing.audit import audit
from ._testing.contexts import as_principal, production, unlimited
from ._testing.report import Finding, Report

__all__ = ["Finding", "Report", "as_principal", "audit", "production", "unlimited"]
