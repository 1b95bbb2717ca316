"""One module a client: its cases, in order."""
