"""Every error that an app can answer, known before it happens."""
