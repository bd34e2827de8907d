"""Texts for people."""


def shortened(text: str, length: int) -> str:
    """A text of at most so many characters; what is cut off is told by an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"
