"""LM calls: the gateway and what stands behind it. Imports dspy."""
