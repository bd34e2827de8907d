"""Chooses the users API: the public one, the bundled one, or one given by its address."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from yarl import URL

from users.http_client import ConnectionFailed, HttpClient, Unfetchable

PUBLIC_URL = "https://randomuser.me/api/"
# The answer that is asked for, one user, has about 1 KB.
MOST_BYTES = 65_536


@dataclass(frozen=True)
class Source:
    """A users API and why it is the one in use. ``str()`` gives the line to print."""

    url: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"users API: {self.name} at {self.url} ({self.reason})"


def choose_source(
    setting: str,
    bundled_url: str,
    public_url: str = PUBLIC_URL,
    timeout_seconds: float = 2.0,
) -> Source:
    """The users API that ``setting`` stands for: "auto", "bundled" or an http(s) address.

    "auto" asks the public API for one user and takes the bundled one where that fails, for whatever
    reason. Raises ValueError for a setting that is none of the three.
    """
    wanted = setting.strip()
    if wanted.lower() == "bundled":
        return Source(bundled_url, "bundled", "chosen by USERS_API=bundled")
    if wanted.lower() == "auto":
        failure = asyncio.run(_failure_of(public_url, timeout_seconds))
        if failure is None:
            return Source(public_url, "randomuser.me", "USERS_API=auto, and it answers")
        return Source(
            bundled_url, "bundled", f"USERS_API=auto, and {public_url} is out of reach: {failure}"
        )
    address = urlsplit(wanted)
    if address.scheme in ("http", "https") and address.hostname:
        return Source(wanted, address.hostname, "its address is in USERS_API")
    raise ValueError(f"USERS_API is 'auto', 'bundled' or an http(s) address, not '{setting}'.")


async def _failure_of(url: str, timeout_seconds: float) -> str | None:
    """Why a users API cannot be used; None if it can."""
    one_user = URL(url).extend_query({"results": "1", "inc": "login"})
    try:
        async with aclosing(HttpClient(1, timeout_seconds, timeout_seconds)) as http:
            answer = await http.get(str(one_user), MOST_BYTES)
        if answer.status != HTTPStatus.OK:
            return f"it answered HTTP {answer.status}"
        page = json.loads(answer.body)
    except TimeoutError:
        return f"no answer within {timeout_seconds:g} s"
    except (ConnectionFailed, Unfetchable) as failure:
        return str(failure)
    except (ValueError, RecursionError):
        return "its answer is not JSON"
    is_page = isinstance(page, dict) and isinstance(page.get("results"), list)
    return None if is_page else "its answer holds no users"
