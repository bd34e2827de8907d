"""Every check of running servers, in the order in which findings of one severity are told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from walflow.doctor.checks import (
    away,
    cassandra,
    clocks,
    connector_settings,
    connector_states,
    converters,
    disks,
    heartbeats,
    internal_topics,
    publications,
    registry,
    slots,
    stream,
    tables,
    topics,
    versions,
    wal,
)
from walflow.doctor.finding import Finding, Severity
from walflow.doctor.servers.all import Servers

Look = Callable[[Servers], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class RunningCheck:
    name: str
    look: Look
    """Yields what is wrong."""


CHECKS = tuple(
    RunningCheck(name, look)
    for name, look in {
        "server-away": away.away,
        "database-unseen": away.unseen_databases,
        "connector-not-running": connector_states.not_running,
        "slot-lost": slots.lost_slots,
        "slot-in-danger": slots.slots_in_danger,
        "slot-unread": slots.unread_slots,
        "slot-shared": slots.shared_slots,
        "wal-level": wal.wal_level,
        "wal-unlimited": wal.no_wal_limit,
        "wal-limit-small": wal.small_wal_limit,
        "slot-idle-timeout": wal.idle_timeout,
        "slots-exhausted": wal.no_room_for_slots,
        "heartbeat-missing": heartbeats.no_heartbeat,
        "heartbeat-unpublished": heartbeats.unpublished_heartbeat,
        "publication-missing": publications.missing_publications,
        "publication-lacks-table": publications.unpublished_tables,
        "publication-unread-table": publications.unread_tables,
        "publication-operations": publications.unpublished_operations,
        "captured-table": tables.captured,
        "table-without-key": tables.captured_by_others,
        "toast-lost": tables.lost_toast,
        "intervals-rounded": tables.rounded_intervals,
        "tables-unseen": tables.too_many_tables,
        "connector-setting": connector_settings.lossy_settings,
        "operations-skipped": connector_settings.skipped_operations,
        "deletes-dropped": connector_settings.dropped_deletes,
        "connector-unlike-pipeline": connector_settings.unlike_pipeline,
        "connector-unlike-stream": connector_settings.unlike_stream,
        "records-unreadable": converters.unreadable_records,
        "converter-not-avro": converters.other_converters,
        "converter-other-registry": converters.other_registry,
        "converter-wire-format": converters.other_wire_format,
        "converter-api": converters.other_api,
        "converter-no-registration": converters.no_new_schemas,
        "converter-pair": converters.unlike_pair,
        "converter-no-types": converters.lost_types,
        "retention-short": topics.short_retention,
        "retention-below-lag": topics.lag_against_retention,
        "changes-compacted": topics.compacted_changes,
        "dead-letters-topic": topics.dead_letters,
        "replicas-few": topics.few_replicas,
        "leader-unclean": topics.unclean_leaders,
        "connect-topic-deletes": internal_topics.forgetful_connect,
        "connect-topic-partitions": internal_topics.split_configs,
        "registry-topic-deletes": internal_topics.forgetful_registry,
        "internal-replicas-few": internal_topics.few_internal_replicas,
        "registry-closed": registry.closed_registry,
        "registry-refuses": registry.refused_schemas,
        "partitions-without-slot": stream.partitions_without_slot,
        "stream-fewer-slots": stream.fewer_slots,
        "commit-log-late": cassandra.late_commit_log,
        "keyspace-volatile": cassandra.volatile_keyspaces,
        "rows-expire": cassandra.expiring_rows,
        "deletes-forgotten": cassandra.forgotten_deletes,
        "consistency": cassandra.consistency,
        "version-untested": versions.other_versions,
        "postgres-too-old": versions.too_old_postgres,
        "clock-skewed": clocks.skewed_clocks,
        "disk-too-small": disks.full_disk,
    }.items()
)

_ORDER = list(Severity)


def findings(servers: Servers) -> list[Finding]:
    """What all checks find, the worst first."""
    found = [
        replace(finding, check=check.name) for check in CHECKS for finding in check.look(servers)
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))
