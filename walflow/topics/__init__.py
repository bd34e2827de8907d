"""Kafka's topics, looked at: which there are, how they are kept, and what is in them."""
