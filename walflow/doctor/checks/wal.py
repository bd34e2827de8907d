"""PostgreSQL's settings of the write-ahead log, on which all capture rests.

Source: PostgreSQL documentation, "Replication" (runtime-config-replication) and "pg_replication_slots".
"""

from collections.abc import Iterator

from walflow.advice import typed
from walflow.doctor.finding import Finding, Fix, Severity, Tool
from walflow.doctor.places import property_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.postgres import SourceServer
from walflow.settings import HOME, place_of

TOLERATED_HOURS = 1.0
"""Kafka may be away so long at the least, at the average rate of WAL."""
LIMIT = "max_slot_wal_keep_size"


def wal_level(servers: Servers) -> Iterator[Finding]:
    for source in servers.sources:
        level = source.settings["wal_level"].shown
        if level != "logical" and (source.connectors or source.is_ours):
            yield Finding(
                Severity.STALLS,
                source.at,
                f"wal_level is {level}: no change can be captured before it is logical.",
                place(source, "wal_level"),
                (
                    *_set(source, "wal_level", "logical"),
                    Fix("Start PostgreSQL again: it reads wal_level only then.", Tool.EDITOR),
                ),
            )


def no_wal_limit(servers: Servers) -> Iterator[Finding]:
    for source in servers.sources:
        if source.slots and source.wal_limit is None:
            yield Finding(
                Severity.STALLS,
                source.at,
                f"{LIMIT} is {source.settings[LIMIT].shown}: one slot that nobody reads fills the disk,"
                " and then PostgreSQL takes no write at all.",
                place(source, LIMIT),
                _set(source, LIMIT, "4GB"),
            )


def small_wal_limit(servers: Servers) -> Iterator[Finding]:
    """How long Kafka or the connector can be away before the slot is lost."""
    for source in servers.sources:
        rate, limit = source.wal_bytes_per_second, source.wal_limit
        if not rate or limit is None or not source.connectors:
            continue
        hours = limit / rate / 3600
        if hours < TOLERATED_HOURS:
            yield Finding(
                Severity.LOSES,
                source.at,
                f"{LIMIT} = {source.settings[LIMIT].shown} is WAL of {hours * 60:.0f} minutes, at the"
                f" average of {rate / 1e6:.1f} MB/s: after an outage of Kafka or Connect as long as that"
                " the slot is lost.",
                place(source, LIMIT),
                _set(source, LIMIT, f"{int(rate * 4 * 3600 / 2**20) + 1}MB"),
            )


def idle_timeout(servers: Servers) -> Iterator[Finding]:
    """PostgreSQL 18 can give up a slot for being idle, however little WAL it keeps."""
    key = "idle_replication_slot_timeout"
    for source in servers.sources:
        setting = source.settings.get(key)
        if setting is not None and int(setting.raw) > 0:
            yield Finding(
                Severity.LOSES,
                source.at,
                f"{key} is {setting.shown}: a connector that is away for longer loses its slot.",
                place(source, key),
                _set(source, key, "0"),
            )


def no_room_for_slots(servers: Servers) -> Iterator[Finding]:
    """The next connector, or a backup, could not begin."""
    for source in servers.sources:
        used = {
            "max_replication_slots": len(source.slots),
            "max_wal_senders": sum(slot.is_active for slot in source.slots),
        }
        for key, count in used.items():
            limit = int(source.settings[key].raw)
            if count >= limit:
                yield Finding(
                    Severity.STALLS,
                    source.at,
                    f"All of {key} = {limit} are in use: a connector that has to make its slot, or to"
                    " come back, fails.",
                    place(source, key),
                    (
                        *_set(source, key, str(limit * 2), reload=False),
                        Fix(f"Start PostgreSQL again: it reads {key} only then.", Tool.EDITOR),
                    ),
                )


def place(source: SourceServer, key: str) -> str:
    """Where PostgreSQL has a setting from."""
    setting = source.settings[key]
    if source.is_ours:
        ours = property_place(HOME / "postgres" / "postgresql.conf", key, setting.shown)
        if setting.file and ours:
            return ours
        if key == LIMIT and setting.source == "command line":
            return place_of("postgres", "max_slot_wal_keep_size_megabytes")
    if setting.file:
        return f"{setting.file}:{setting.line} of PostgreSQL at {source.at}"
    return f"PostgreSQL at {source.at}: {key} ({setting.source})"


def _set(source: SourceServer, key: str, value: str, reload: bool = True) -> tuple[Fix, ...]:
    found = [Fix(f"ALTER SYSTEM SET {key} = '{value}';", Tool.POSTGRESQL, source.at)]
    if source.is_ours and source.settings[key].source == "command line":
        where = place_of("postgres", "max_slot_wal_keep_size_megabytes")
        return (Fix(f"Set it in {where}, and run: {typed('restart postgres')}", Tool.EDITOR),)
    if reload:
        found.append(Fix("SELECT pg_reload_conf();", Tool.POSTGRESQL, source.at))
    return tuple(found)
