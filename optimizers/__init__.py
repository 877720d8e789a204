"""How to choose a candidate: one algorithm a file, written against the Bench protocol."""
