"""Which tables are captured: checked, added and removed while the stream runs."""
