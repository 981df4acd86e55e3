"""Rate limits: how often a client may call."""
