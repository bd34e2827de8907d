"""Answers of the HTTP servers of the stack."""

from typing import Any

import requests

from walflow.stack.service import NotReady


def get_json(url: str) -> Any:
    """GET that must answer 200 with JSON.

    Raises:
        NotReady: no answer, another status, or a page that is no JSON (as a server still starting
            may give).
    """
    try:
        answer = requests.get(url, timeout=5)
        answer.raise_for_status()
        return answer.json()
    except requests.HTTPError as error:
        raise NotReady(f"{url} answers {error.response.status_code}") from error
    except requests.JSONDecodeError as error:
        raise NotReady(f"{url} gives no JSON yet") from error
    except requests.RequestException as error:
        raise NotReady(f"{url} does not answer") from error


def message_of(answer: requests.Response) -> str:
    """Why a REST API refuses: in its own words, which Connect and the registry give, if it has any."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.reason)
