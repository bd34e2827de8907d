"""What each server is asked for the checks, and its answers as values."""
