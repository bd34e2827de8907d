"""CPU of the Python worker per event, stage by stage and without servers: `python -m bench.worker_path`.

Records as Debezium makes them of created_users go through the stream's own code: Arrow batch → record →
Avro → envelope → mutation → bound statement → group commit; and the short way, which skips the middle.
Cassandra is replaced by a session that acknowledges at once and encodes nothing: of the driver's work,
binding is measured and sending is not. `--profile` prints where the time goes, function by function.
"""

import argparse
import cProfile
import io
import json
import pstats
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import fastavro
import pyarrow as pa
from cassandra import cqltypes
from cassandra.query import PreparedStatement
from rich.console import Console
from rich.table import Table as Grid

from bench.percentiles import spread
from change_stream.arrow_stream import EXPECTED, batches
from change_stream.generations import Generations
from change_stream.interpreter import Interpreter
from change_stream.record import Record
from change_stream.schemas import SchemaRegistry
from change_stream.shortcuts import Shortcuts
from change_stream.stamps import Generation
from change_stream.statements import Statements
from change_stream.targets import Targets, target_of
from change_stream.task import records
from change_stream.worker_daemon import READ_BYTES
from change_stream.writer import GroupCommitWriter
from walflow.settings import load
from walflow.tables import TableRules

TOPIC = "cdc.public.created_users"
KEY_ID, VALUE_ID = 1, 2
TYPES = {
    "id": ("string", "io.debezium.data.Uuid", "uuid"),
    "first_name": ("string", "", "text"),
    "last_name": ("string", "", "text"),
    "gender": ("string", "", "text"),
    "address": ("string", "", "text"),
    "post_code": ("string", "", "text"),
    "email": ("string", "", "text"),
    "username": ("string", "", "text"),
    "dob": ("string", "io.debezium.time.ZonedTimestamp", "timestamp"),
    "registered_date": ("string", "io.debezium.time.ZonedTimestamp", "timestamp"),
    "phone": ("string", "", "text"),
    "picture": ("string", "", "text"),
}
REQUIRED = ("id", "first_name", "last_name")
CQL = {"uuid": cqltypes.UUIDType, "text": cqltypes.UTF8Type, "timestamp": cqltypes.DateType}


def _avro_type(name: str) -> Any:
    kind, semantic, _ = TYPES[name]
    described = {"type": kind, "connect.name": semantic, "connect.version": 1} if semantic else kind
    return described if name in REQUIRED else ["null", described]


def _row_schema(name: str) -> dict[str, Any]:
    fields = [{"name": column, "type": _avro_type(column)} for column in TYPES]
    return {"type": "record", "name": name, "fields": fields, "connect.name": f"{TOPIC}.{name}"}


def _optional(name: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "type": ["null", kind], "default": None}


SOURCE = {
    "type": "record",
    "name": "Source",
    "namespace": "io.debezium.connector.postgresql",
    "fields": [
        *({"name": n, "type": "string"} for n in ("version", "connector", "name")),
        {"name": "ts_ms", "type": "long"},
        _optional("snapshot"),
        {"name": "db", "type": "string"},
        _optional("sequence"),
        _optional("ts_us", "long"),
        _optional("ts_ns", "long"),
        *({"name": n, "type": "string"} for n in ("schema", "table")),
        _optional("txId", "long"),
        _optional("lsn", "long"),
        _optional("xmin", "long"),
        _optional("origin"),
        _optional("origin_lsn", "long"),
    ],
}
BLOCK = {
    "type": "record",
    "name": "block",
    "namespace": "event",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total_order", "type": "long"},
        {"name": "data_collection_order", "type": "long"},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "namespace": TOPIC,
    "fields": [
        {"name": "before", "type": ["null", _row_schema("Value")]},
        {"name": "after", "type": ["null", f"{TOPIC}.Value"]},
        {"name": "source", "type": SOURCE},
        {"name": "transaction", "type": ["null", BLOCK]},
        {"name": "op", "type": "string"},
        *(_optional(n, "long") for n in ("ts_ms", "ts_us", "ts_ns")),
    ],
}
KEY = {
    "type": "record",
    "name": "Key",
    "namespace": TOPIC,
    "fields": [{"name": "id", "type": _avro_type("id")}],
}


def _row(number: int, key: UUID) -> dict[str, str]:
    return {
        "id": str(key),
        "first_name": f"First{number % 997}",
        "last_name": f"Lastname{number % 9973}",
        "gender": "female",
        "address": f"{number} d41d8cd98f00b204e9800998ecf8427e Street, City, State, Country",
        "post_code": str(number % 99999),
        "email": f"first{number}.last@example.com",
        "username": f"user{number}",
        "dob": "1971-03-04T05:06:07.000001Z",
        "registered_date": "2020-03-04T05:06:07.123456Z",
        "phone": f"(012) {1000000 + number}",
        "picture": f"https://randomuser.me/api/portraits/med/men/{number % 100}.jpg",
    }


def _envelope(number: int, key: UUID) -> dict[str, Any]:
    now = 1_760_000_000_000_000 + number
    source = {
        "version": "3.7.0.Final",
        "connector": "postgresql",
        "name": "cdc",
        "ts_ms": now // 1000,
        "snapshot": "false",
        "db": "users",
        "sequence": f'["{30000000 + number}","{30000100 + number}"]',
        "ts_us": now,
        "ts_ns": now * 1000,
        "schema": "public",
        "table": "created_users",
        "txId": 800 + number,
        "lsn": 30000100 + number,
        "xmin": None,
        "origin": None,
        "origin_lsn": None,
    }
    times = {"ts_ms": now // 1000, "ts_us": now, "ts_ns": now * 1000}
    after = _row(number, key)
    return {
        "before": None,
        "after": after,
        "source": source,
        "transaction": None,
        "op": "c",
        **times,
    }


def payload(schema_id: int, schema: Any, datum: Any) -> bytes:
    """A datum in Confluent's wire format."""
    stream = io.BytesIO()
    stream.write(b"\0" + schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(stream, schema, datum)
    return stream.getvalue()


def made(count: int) -> list[tuple[bytes, bytes]]:
    """Key and value of so many inserts into created_users."""
    key_schema, value_schema = fastavro.parse_schema(KEY), fastavro.parse_schema(ENVELOPE)
    keys = [uuid4() for _ in range(count)]
    return [
        (
            payload(KEY_ID, key_schema, {"id": str(key)}),
            payload(VALUE_ID, value_schema, _envelope(number, key)),
        )
        for number, key in enumerate(keys)
    ]


def _packed(offset: int, key: bytes, value: bytes) -> bytes:
    """As Spark packs a record (`change_stream.packing`)."""
    line = f"{TOPIC} 0 {offset} 1760000000000 {len(key)} {len(value)}\n"
    return line.encode() + key + value


def streamed(made_of: list[tuple[bytes, bytes]], size: int) -> bytes:
    """The records in an Arrow stream, so many in a batch."""
    packed = [_packed(offset, *each) for offset, each in enumerate(made_of)]
    return stream_of(packed[first : first + size] for first in range(0, len(packed), size))


def stream_of(batches: Iterable[Sequence[bytes | None]], kind: pa.StructType = EXPECTED) -> bytes:
    """An Arrow stream as Spark sends it to `mapInArrow`."""
    out = io.BytesIO()
    schema = pa.schema([("_0", kind)])
    with pa.ipc.new_stream(out, schema) as writer:
        for batch in batches:
            column = pa.StructArray.from_arrays([pa.array(batch, pa.binary())], fields=list(kind))
            writer.write_batch(pa.record_batch([column], schema=schema))
    return out.getvalue()


class _Column:
    def __init__(self, name: str, cql_type: Any) -> None:
        self.keyspace_name, self.table_name, self.name, self.type = "ks", "t", name, cql_type


class _Acknowledging:
    """A session that acknowledges every write at once, from another thread."""

    def __init__(self) -> None:
        self._driver = ThreadPoolExecutor(1)
        columns = [_Column(name, CQL[cql]) for name, (_, _, cql) in TYPES.items()]
        write_time = [_Column("[timestamp]", cqltypes.LongType)]
        self._insert = PreparedStatement(
            [*columns, *write_time], b"q", [0], "INSERT", "ks", 4, None, None
        )

    def prepare(self, _: str) -> PreparedStatement:
        return self._insert

    def execute_async(self, _: Any) -> "_Acknowledging":
        return self

    def add_callbacks(
        self, callback: Callable[..., None], callback_args: tuple[Any, ...], **_: Any
    ) -> None:
        self._driver.submit(callback, None, *callback_args)


class _Known(Generations):
    """One generation, without Cassandra and Kafka."""

    def __init__(self) -> None:
        self._generations = (Generation(1, uuid4(), 1, 1_760_000_000_000_000),)

    def of(self, topic: str) -> tuple[Generation, ...]:
        return self._generations


class _Path:
    """The stream's own parts, with schemas and target known as after the first record."""

    def __init__(self) -> None:
        settings = load()
        self.registry = SchemaRegistry("http://nowhere", 0)
        schemas = {KEY_ID: KEY, VALUE_ID: ENVELOPE}
        self.registry._asked = lambda identifier: json.dumps(schemas[identifier])  # type: ignore[method-assign]
        rules = TableRules.of(settings)
        session: Any = _Acknowledging()
        targets = Targets(session, rules)
        target = target_of(
            rules.rule("public", "created_users"),
            self.registry.schema(KEY_ID),
            self.registry.schema(VALUE_ID),
        )
        targets._known[(TOPIC, KEY_ID, VALUE_ID)] = target
        self.interpreter = Interpreter(self.registry, targets, _Known())
        self.statements = Statements(session)
        generations = _Known()
        self.shortcuts = Shortcuts(self.registry, targets, self.statements, generations)
        stream = settings.stream
        self.writer = GroupCommitWriter(
            session,
            group_rows=stream.group_rows,
            group_bytes=stream.group_kilobytes * 1024,
            groups_in_flight=stream.groups_in_flight,
            pending_rows=stream.pending_rows,
            retry_seconds=1,
            replicas_of=lambda _: None,
            refused=lambda record, reason: print(record.place, reason),
            applied=lambda _: None,
            failed=print,
        )

    def read(self, stream: bytes) -> list[Record]:
        reader = io.BufferedReader(io.BytesIO(stream), READ_BYTES)
        return [record for batch in batches(reader) for record in records(batch)]

    def decode(self, given: Iterable[Record]) -> list[Any]:
        return [self.registry.decode(record.value or b"") for record in given]

    def change(self, given: Iterable[Record]) -> list[Any]:
        return [self.interpreter.change(record) for record in given]

    def interpret(self, given: Iterable[tuple[Record, Any]]) -> list[Any]:
        return [self.interpreter.interpret(record, *found) for record, found in given]

    def bind(self, given: Iterable[Any]) -> list[Any]:
        return [
            self.statements.bind(mutation)
            for interpreted in given
            for mutation in interpreted.mutations
        ]

    def short(self, given: Iterable[Record]) -> list[Any]:
        statements = [self.shortcuts.statement(record) for record in given]
        if None in statements:
            raise SystemExit("a record did not take the short way: nothing of it was measured")
        return statements

    def write(self, given: Iterable[tuple[Record, Any]]) -> None:
        for record, statement in given:
            self.writer.write(record, statement, more=True)
        self.writer.drain()


def measure(events: int, batch_size: int) -> dict[str, float]:
    """Microseconds of CPU per event by stage; `change` and what follows contain no stage before."""
    path, data = _Path(), streamed(made(events), batch_size)
    found: dict[str, float] = {}

    def stage(name: str, step: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = step()
        found[name] = 1e6 * (time.process_time() - began) / events
        return result

    taken = stage("Arrow batch to records", lambda: path.read(data))
    stage("Avro", lambda: path.decode(taken))
    changes = stage("Avro and envelope", lambda: path.change(taken))
    pairs = list(zip(taken, changes, strict=True))
    interpreted = stage("mutation", lambda: path.interpret(pairs))
    bound = stage("bound statement", lambda: path.bind(interpreted))
    assert bound
    short = stage("the short way to a bound statement", lambda: path.short(taken))
    stage("group commit", lambda: path.write(zip(taken, short, strict=True)))
    outer = found["Arrow batch to records"] + found["group commit"]
    general = ("Avro and envelope", "mutation", "bound statement")
    found["all, by the general way"] = outer + sum(found[name] for name in general)
    found["all, by the short way"] = outer + found["the short way to a bound statement"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1, help="records in an Arrow batch")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    if asked.profile:
        profiler = cProfile.Profile()
        profiler.runcall(measure, asked.events, asked.batch)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
        return
    runs = [measure(asked.events, asked.batch) for _ in range(asked.runs)]
    grid = Grid(title=f"µs of CPU per event, {asked.batch} records a batch, {asked.runs} runs")
    for column in ("stage", "median", "lowest", "highest"):
        grid.add_column(column, justify="left" if column == "stage" else "right")
    for name in runs[0]:
        values = spread([run[name] for run in runs])
        grid.add_row(name, *(f"{v:.1f}" for v in (values.median, values.low, values.high)))
    Console().print(grid)


if __name__ == "__main__":
    main()
