"""Dataset formats, one a file."""
