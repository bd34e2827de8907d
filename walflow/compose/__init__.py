"""Compose mode: the same pipeline in containers, by docker-compose.yml."""
