"""What Prometheus learns of the pipeline: readings as metrics, and where it scrapes a stack."""
