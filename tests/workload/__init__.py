"""Random SQL workloads from a seed, run on a real stack until both sides are equal, or not.

`python -m tests.workload SEED` runs one on the stack that is up; docs/soak.md tells the rest.
"""
