"""The operator's tool over the pipeline's stations."""

__version__ = "0.1.0"
