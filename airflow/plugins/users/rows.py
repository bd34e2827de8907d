"""Users as the JSON text that PostgreSQL reads."""

import json
from collections.abc import Iterable

from users.user import CreatedUser


def recordset(batch: Iterable[CreatedUser]) -> str:
    """The batch as an array of objects, for json_populate_recordset; ids and times are text."""
    return json.dumps([vars(user) for user in batch], default=str, ensure_ascii=False)


def payload(raw: object) -> str:
    """The JSON text of a raw user, such that jsonb takes it.

    jsonb refuses NUL characters, halves of surrogate pairs, NaN and infinities (PostgreSQL manual,
    "JSON Types"). A user that holds one is kept whole as JSON text in ASCII: {"text": "..."}.
    """
    try:
        text = json.dumps(raw, ensure_ascii=False, allow_nan=False)
        text.encode()
        if "\\u0000" not in text:
            return text
    except ValueError:
        pass
    return json.dumps({"text": json.dumps(raw)})
