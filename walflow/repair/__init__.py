"""Repair: what verify found is mended, while changes flow, so that no later change loses against it."""
