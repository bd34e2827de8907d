"""Which values of a configuration nobody may read on a screen."""

import re
from collections.abc import Mapping, Set

MASK = "********"
REFERENCE = re.compile(r"\$\{[^}]+\}")
"""A value that Connect's config providers resolve: it names a secret and is none."""
_NAMES = re.compile(
    r"passw|passphrase|secret|token|credential|jaas|(private|api|access|account)[._-]?key"
    r"|auth\.user\.info",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"://[^/@\s]+:[^/@\s]+@|password=", re.IGNORECASE)
"""A password within a URL."""


def is_secret(name: str, value: str, passwords: Set[str] = frozenset()) -> bool:
    """Whether a setting's value is to be hidden.

    Args:
        passwords: settings that the plugin itself declares to be of type PASSWORD.
    """
    if REFERENCE.fullmatch(value) or not value:
        return False
    return name in passwords or bool(_NAMES.search(name) or _WITHIN.search(value))


def masked(config: Mapping[str, str], passwords: Set[str] = frozenset()) -> dict[str, str]:
    """A configuration that may be shown."""
    return {
        name: MASK if is_secret(name, value, passwords) else value for name, value in config.items()
    }
