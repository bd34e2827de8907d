"""Chooses the users API: the public one, the bundled one, or one given by its address."""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from users.answer import connection_trouble

PUBLIC_URL = "https://randomuser.me/api/"


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
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, params={"results": "1", "inc": "login"}) as response,
        ):
            if response.status != 200:
                return f"it answered HTTP {response.status}"
            answer = json.loads(await response.content.read(65_536))
    except TimeoutError:
        return f"no answer within {timeout_seconds:g} s"
    except aiohttp.ClientError as failure:
        return connection_trouble(failure)
    except (ValueError, RecursionError):
        return "its answer is not JSON"
    is_page = isinstance(answer, dict) and isinstance(answer.get("results"), list)
    return None if is_page else "its answer holds no users"
