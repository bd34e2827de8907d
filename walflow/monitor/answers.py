"""Answers of the JSON API: values that a browser reads exactly, refusals as sentences."""

import json
import math
from dataclasses import asdict, is_dataclass
from typing import Any

from aiohttp import web

from walflow.errors import ExitCode, WalflowError
from walflow.topics.events import plain

EXACT = 2**53 - 1
"""JavaScript's Number.MAX_SAFE_INTEGER: beyond it a browser would round."""
STATUS = {
    ExitCode.USAGE: 400,
    ExitCode.NOT_READY: 503,
    ExitCode.FAILED: 422,
}


def exact(value: Any) -> Any:
    """A value for a browser: larger integers, and floats that JSON lacks, become texts."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if -EXACT <= value <= EXACT else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case dict():
            return {str(name): exact(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [exact(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return exact(asdict(value))
    told = plain(value)
    return str(value) if told is value else told


def told(value: Any, status: int = 200) -> web.Response:
    """A value as JSON."""
    return web.Response(
        text=json.dumps(exact(value), ensure_ascii=False, separators=(",", ":")),
        content_type="application/json",
        status=status,
    )


def refusal(status: int, sentence: str) -> web.Response:
    """Why something is not done, in the form that the pages show."""
    return told({"error": sentence}, status)


def refused(error: WalflowError) -> web.Response:
    return refusal(STATUS.get(error.exit_code, 422), error.sentence)
