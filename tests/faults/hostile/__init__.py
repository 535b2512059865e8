"""Hostile input: what is tried, through which parameters, and how it is seen what became of it."""
