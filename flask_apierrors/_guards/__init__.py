"""What a view asks of a request before it runs."""
