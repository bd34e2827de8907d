"""Connectors of a Kafka Connect cluster: what is applied, described and reset, whatever their plugin."""
