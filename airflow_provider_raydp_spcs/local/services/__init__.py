"""Compute pools and services: what was asked for, and what runs."""
