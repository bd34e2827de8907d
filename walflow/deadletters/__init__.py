"""What the operator sees of dead letters and does with them."""
