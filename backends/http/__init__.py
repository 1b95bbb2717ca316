"""What every storage behind HTTP needs: one client that takes no liberties with requests or answers.

Nothing here knows a protocol above HTTP. It is imported only when such a storage is constructed:
a server that has none starts without an HTTP client.
"""
