"""Programs that run in virtual environments of their own, as modules; common.py has what they share."""
