"""Clients that must be compiled, run against a server of our own; the outcome is a report."""
