"""Conformance suites that any extension must pass."""
