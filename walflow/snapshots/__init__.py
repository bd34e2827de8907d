"""Incremental snapshots: rows of captured tables read again while changes flow."""
