"""What must not be in a dataset, found and masked: one file for secrets, two for what tells of a person."""
