"""A job that does nothing."""
