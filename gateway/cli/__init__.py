"""The command line, one file for each group of commands. ``main.py`` imports them when asked for."""
