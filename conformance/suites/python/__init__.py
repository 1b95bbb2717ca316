"""Programs that run in virtual environments of their own, as modules; asked.py has what they share."""
