"""Compare this extension with bare Flask and other extensions: ``python -m benchmarks``."""
