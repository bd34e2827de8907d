"""What is measured, one item a file."""
