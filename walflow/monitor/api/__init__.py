"""The JSON API of the monitor: a file for each page."""
