"""Live counts of rows by groups (docs/aggregation.md)."""
