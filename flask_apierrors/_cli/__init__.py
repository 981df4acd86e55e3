"""``flask apierrors``, the command line."""
