"""Everything that decides whether a trace is kept."""
