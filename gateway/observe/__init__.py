"""What can be seen from outside: access log, metrics, health. Nothing here changes an answer."""
