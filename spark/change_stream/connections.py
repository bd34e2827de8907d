"""What a Python worker keeps from task to task: connections, schemas, prepared statements."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import BoundStatement

from change_stream.commit_log import CommitLog
from change_stream.config import StreamConfig
from change_stream.generations import Generations
from change_stream.interpreter import Interpreter
from change_stream.record import Record
from change_stream.restart_requests import RestartRequests
from change_stream.schemas import SchemaRegistry
from change_stream.shortcuts import Shortcuts
from change_stream.statements import Statements
from change_stream.targets import Targets
from change_stream.truncation import Truncations
from change_stream.writer import GroupCommitWriter

REQUEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Connections:
    session: Session
    commit_log: CommitLog
    registry: SchemaRegistry
    generations: Generations
    interpreter: Interpreter
    statements: Statements
    shortcuts: Shortcuts
    truncations: Truncations


@cache
def connections(config: StreamConfig) -> Connections:
    """The connections of this process: Spark reuses its Python workers for task after task."""
    session = cassandra_session(config)
    generations = Generations(session, config.bootstrap_servers)
    registry = SchemaRegistry(
        config.registry_url, config.retry_seconds, config.schema_confirm_seconds
    )
    targets = Targets(session, config.rules)
    interpreter = Interpreter(registry, targets, generations)
    statements = Statements(session)
    shortcuts = Shortcuts(registry, targets, statements, generations)
    truncations = Truncations(
        session,
        config.bootstrap_servers,
        config.rules,
        generations,
        interpreter,
        statements.bind,
        lambda refused: writer(session, config, refused=refused),
        RestartRequests(session),
        config.topic_prefix,
    )
    return Connections(
        session,
        CommitLog(session),
        registry,
        generations,
        interpreter,
        statements,
        shortcuts,
        truncations,
    )


def writer(
    session: Session,
    config: StreamConfig,
    *,
    refused: Callable[[Record, str], None],
    applied: Callable[[Record], None] = lambda record: None,
    failed: Callable[[Exception], None] = lambda error: None,
) -> GroupCommitWriter:
    """A writer by the settings of the stream; what Cassandra refuses must have somewhere to go."""
    return GroupCommitWriter(
        session,
        group_rows=config.group_rows,
        group_bytes=config.group_bytes,
        groups_in_flight=config.groups_in_flight,
        pending_rows=config.pending_rows,
        retry_seconds=config.retry_seconds,
        replicas_of=replicas_of(session),
        refused=refused,
        applied=applied,
        failed=failed,
    )


def cassandra_session(config: StreamConfig) -> Session:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        # The writer retries by itself, for longer than a driver's policy would.
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=ConsistencyLevel.name_to_value[config.consistency],
        request_timeout=REQUEST_SECONDS,
    )
    cluster = Cluster(
        list(config.cassandra_hosts),
        port=config.cassandra_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        compression=False,
        # The driver sends a group in pieces of 4 KB, and the kernel holds the last piece back until
        # those before it are acknowledged, for which the other end takes its 40 ms (RFC 1122, 4.2.3.2).
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    return cluster.connect()


def replicas_of(session: Session) -> Callable[[BoundStatement], object]:
    """Names the replica set that a statement goes to, so that a group never spans two."""
    metadata = session.cluster.metadata

    def of(statement: BoundStatement) -> object:
        if len(metadata.all_hosts()) == 1:
            return None
        with contextlib.suppress(Exception):
            return frozenset(metadata.get_replicas(statement.keyspace, statement.routing_key))
        return None

    return of
