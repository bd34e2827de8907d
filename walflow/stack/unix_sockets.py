"""Where Unix sockets are: in the run directory, unless that makes an address longer than it may be."""

import hashlib
import tempfile
from pathlib import Path

MAX_BYTES = 107
"""Of a socket's address (unix(7), sun_path without its closing zero)."""


def fitting(run_dir: Path, name: str, more: int) -> Path:
    """The path of a socket, or of a folder of sockets, of the stack in a run directory.

    Args:
        name: of it; a path below the run directory.
        more: bytes that whoever makes the socket puts behind the path.
    """
    path = run_dir / name
    if len(str(path).encode()) + more <= MAX_BYTES:
        return path
    digest = hashlib.sha256(str(run_dir).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"walflow-{digest}-{path.name}"
