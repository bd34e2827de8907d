"""Compose mode rehearsed where no image can be pulled: on stand-ins, by `make compose-rehearsal`."""
