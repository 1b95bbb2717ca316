"""Work beside the data path: recovery at start, the janitor. One worker runs it."""
