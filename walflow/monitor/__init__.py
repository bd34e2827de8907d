"""The monitor in the browser: one process that samples the pipeline and serves pages and a JSON API."""
