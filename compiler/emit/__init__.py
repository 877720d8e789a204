"""What leaves the store: prompts and dataset rows."""
