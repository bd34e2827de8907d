"""A marked row that is followed through every hop, as a check that changes arrive."""
