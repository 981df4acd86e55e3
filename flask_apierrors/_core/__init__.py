"""The road of an exception: from what is raised to the response."""
