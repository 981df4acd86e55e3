from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def error_receivers() -> None:
    """Keep the receiver of the test kit, which all other tests disconnect."""
