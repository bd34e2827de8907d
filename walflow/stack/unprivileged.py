"""Where and as whom PostgreSQL runs, which refuses to run as root."""

import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from walflow.settings import Settings


@dataclass(frozen=True)
class Account:
    """The operating-system user for PostgreSQL, and a directory that this user can reach."""

    user: str | None
    """None: the user who runs walflow."""
    uid: int
    gid: int
    home: Path


def account(settings: Settings) -> Account:
    """As root, the user `postgres` or else `nobody`; otherwise whoever runs walflow."""
    home = settings.run_dir / "data" / "postgres"
    if os.getuid() != 0:
        return Account(None, os.getuid(), os.getgid(), home)
    entry = _postgres_or_nobody()
    if not _everybody_can_enter(settings.run_dir):
        # A checkout under /root, say, is closed to that user.
        digest = hashlib.sha256(str(settings.run_dir).encode()).hexdigest()[:12]
        home = Path("/var/tmp") / f"walflow-{digest}"
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, home)


def _postgres_or_nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _everybody_can_enter(path: Path) -> bool:
    existing = [p for p in (path, *path.parents) if p.exists()]
    return all(p.stat().st_mode & 0o001 for p in existing)
