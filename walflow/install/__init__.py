"""Installs what the project needs into its own folder. Uses nothing but Python's own library."""
