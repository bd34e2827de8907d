"""A stand-in for randomuser.me: the same contract (version 1.4), answered with generated people."""
