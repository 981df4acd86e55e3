"""The test kit: what users run in their own suites."""
