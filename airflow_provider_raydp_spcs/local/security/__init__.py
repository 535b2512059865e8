"""Certificates, passwords and tokens."""
