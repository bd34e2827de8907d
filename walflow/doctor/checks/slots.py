"""Replication slots: lost, in danger, read by nobody or by two."""

from collections import defaultdict
from collections.abc import Iterator

from walflow.advice import typed
from walflow.doctor.checks import wal
from walflow.doctor.finding import Finding, Fix, Severity, Tool, shell
from walflow.doctor.places import connector_place
from walflow.doctor.servers.all import Servers
from walflow.doctor.servers.connect import ConnectorConfig
from walflow.doctor.servers.postgres import Slot, SourceServer
from walflow.verify.barrier import SLOT

AWAY_SECONDS = 30.0
"""A connector that starts again takes up its slot within this time."""
DANGER = 0.25
"""Of max_slot_wal_keep_size is left."""


def lost_slots(servers: Servers) -> Iterator[Finding]:
    for source, slot, reader in _slots(servers):
        if slot.is_lost:
            yield Finding(
                Severity.LOSES,
                slot.name,
                f"PostgreSQL has given up the slot {slot.name} ({slot.reason or slot.wal_status}): what"
                " was committed since it was last read is no longer in the log.",
                _where(source, slot),
                shell(typed("recover"))
                if source.is_ours and slot.name == SLOT
                else _drop(source, slot, reader),
            )


def slots_in_danger(servers: Servers) -> Iterator[Finding]:
    """Behind by more than most of what PostgreSQL may keep."""
    for source, slot, reader in _slots(servers):
        if slot.is_lost or source.wal_limit is None:
            continue
        is_close = slot.safe is not None and slot.safe < DANGER * source.wal_limit
        if slot.wal_status == "unreserved" or is_close:
            left = max(slot.safe or 0, 0)
            yield Finding(
                Severity.LOSES,
                slot.name,
                f"The slot {slot.name} is behind by {_megabytes(slot.retained)}; after another"
                f" {_megabytes(left)} of WAL PostgreSQL gives it up"
                f" (max_slot_wal_keep_size = {source.settings[wal.LIMIT].shown}).",
                wal.place(source, wal.LIMIT),
                shell(typed(f"connectors describe {reader.name}"))
                if reader is not None
                else _drop(source, slot, reader),
            )


def unread_slots(servers: Servers) -> Iterator[Finding]:
    """Inactive, of any owner: it keeps WAL until it is lost, or the disk is full."""
    for source, slot, reader in _slots(servers):
        if slot.is_active or slot.is_lost or slot.is_temporary:
            continue
        kept = f"keeps {_megabytes(slot.retained)} of WAL, and more with every change"
        if reader is None:
            yield Finding(
                Severity.STALLS,
                slot.name,
                f"Nobody reads the {slot.type} slot {slot.name}, and no connector here has it: it"
                f" {kept}.",
                _where(source, slot),
                _drop(source, slot, reader),
            )
        elif reader.state.is_running and (slot.inactive_seconds or 0) > AWAY_SECONDS:
            yield Finding(
                Severity.STALLS,
                slot.name,
                f"Connector {reader.name} is RUNNING but does not read its slot {slot.name} since"
                f" {slot.inactive_seconds:.0f} s: it {kept}.",
                _where(source, slot),
                shell(typed(f"connectors restart {reader.name}")),
            )


def shared_slots(servers: Servers) -> Iterator[Finding]:
    """A slot has one reader: the second connector waits for ever, or takes the first one's place."""
    connectors = {connector.name: connector for connector in servers.postgres_connectors}
    for source in servers.sources:
        readers: dict[str, list[str]] = defaultdict(list)
        for name in source.connectors:
            readers[connectors[name].slot].append(name)
        for slot, names in readers.items():
            for name in names[1:]:
                yield Finding(
                    Severity.STALLS,
                    name,
                    f"Connectors {' and '.join(names)} have one slot, {slot}, at {source.at}: only one"
                    " of them can read it.",
                    connector_place(name, "slot.name", connectors[name].config.get("slot.name")),
                    shell(typed(f"connectors patch {name} --set slot.name={_own_slot(name)}")),
                )


def _slots(servers: Servers) -> Iterator[tuple[SourceServer, Slot, ConnectorConfig | None]]:
    """Each slot of each server once, with the connector that has it."""
    connectors = {connector.name: connector for connector in servers.postgres_connectors}
    seen = set()
    for source in servers.sources:
        server = source.at.partition("/")[0]
        for slot in source.slots:
            # A server with several source databases tells the same slots for each.
            if (server, slot.name) in seen:
                continue
            seen.add((server, slot.name))
            readers = [
                connectors[name]
                for other in servers.sources
                if other.at.partition("/")[0] == server
                for name in other.connectors
                if connectors[name].slot == slot.name
                and slot.database in ("", other.at.partition("/")[2])
            ]
            yield source, slot, readers[0] if readers else None


def _where(source: SourceServer, slot: Slot) -> str:
    return f"PostgreSQL at {source.at}: slot {slot.name}"


def _drop(source: SourceServer, slot: Slot, reader: ConnectorConfig | None) -> tuple[Fix, ...]:
    drop = Fix(f"SELECT pg_drop_replication_slot('{slot.name}');", Tool.POSTGRESQL, source.at)
    if reader is None:
        return (drop,)
    return (
        *shell(typed(f"connectors stop {reader.name}")),
        drop,
        *shell(typed(f"connectors offsets reset {reader.name} --yes")),
        *shell(typed(f"connectors resume {reader.name}")),
    )


def _own_slot(connector: str) -> str:
    """Slots take lower case letters, digits and underscores."""
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in connector.lower())


def _megabytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
