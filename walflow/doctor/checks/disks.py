"""Free disk against what PostgreSQL may still keep; only of servers on this machine."""

import shutil
from collections.abc import Iterator

from walflow.advice import typed
from walflow.doctor.finding import Finding, Severity, by_hand
from walflow.doctor.servers.all import Servers
from walflow.settings import LOOPBACK, place_of
from walflow.stack.unprivileged import account

GIGABYTE = 10**9


def full_disk(servers: Servers) -> Iterator[Finding]:
    """WAL of a slot that is not read may grow to max_slot_wal_keep_size."""
    settings = servers.settings
    if settings.mode != "local" or settings.hosts.postgres != LOOPBACK:
        return
    place = account(settings).home
    if not place.exists():
        return
    free = shutil.disk_usage(place).free
    kept = {s.at: max((slot.retained for slot in s.slots), default=0) for s in servers.sources}
    for source in servers.sources:
        if not source.is_ours or source.wal_limit is None:
            continue
        grows = source.wal_limit - kept[source.at]
        if free < grows:
            yield Finding(
                Severity.STALLS,
                str(place),
                f"{place} has {free / GIGABYTE:.1f} GB free, and WAL of a slot that is not read may grow"
                f" by another {grows / GIGABYTE:.1f} GB: then no server on this disk can write.",
                place_of("postgres", "max_slot_wal_keep_size_megabytes"),
                by_hand(
                    "Make room, or lower postgres.max_slot_wal_keep_size_megabytes and run:"
                    f" {typed('restart postgres')}"
                ),
            )
