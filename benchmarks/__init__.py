"""What this extension costs beside bare Flask and its peers: ``python -m benchmarks``."""
