"""Generate, verify, keep, emit: what turns a task into an artifact and a dataset."""
