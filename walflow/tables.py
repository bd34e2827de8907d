"""How a captured table is written to Cassandra: its name, key, columns and masks, from pipeline.toml.

The stream applies these rules and `walflow verify` checks against them, so they live in one place.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from walflow.settings import Settings, TableSettings

REDACTED = "***"
_TRUNCATE = re.compile(r"truncate:([1-9]\d*)")


class RuleConflict(Exception):
    """A rule does not fit the table that it is for; the sentence names the setting."""


@dataclass(frozen=True, slots=True)
class Mask:
    """What is written in place of a column's value; nulls stay null. The column becomes text.

    hash: the HMAC-SHA256 (RFC 2104) of the value's CQL bytes under `masking.key`, in hexadecimal; of
    a text these are its UTF-8 bytes. redact: `***`. truncate:N: the first N characters of a text.
    """

    kind: str
    length: int = 0
    secret: bytes = b""

    def of(self, value: bytes) -> bytes:
        """The masked value of a value, both as CQL serializes them."""
        match self.kind:
            case "hash":
                return hmac.new(self.secret, value, hashlib.sha256).hexdigest().encode()
            case "truncate":
                return value.decode()[: self.length].encode()
            case _:
                return REDACTED.encode()


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column of PostgreSQL and what it is called in Cassandra."""

    source: str
    target: str
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class TableRule:
    """Where a table `schema.table` of PostgreSQL goes, and in which form."""

    source: str
    keyspace: str
    table: str
    setting: TableSettings = field(default_factory=TableSettings)
    secret: bytes = b""

    @property
    def micros(self) -> bool:
        """Whether timestamps become bigint, microseconds since 1970, in place of CQL's timestamp."""
        return self.setting.timestamps == "micros"

    def columns(self, names: Iterable[str], key: Iterable[str]) -> tuple[TargetColumn, ...]:
        """The columns that are written, of those that the table has, in their order.

        Args:
            key: names of the source's key columns, which cannot be left out.

        Raises:
            RuleConflict: the rule leaves out a column of the key, masks it so that two keys could
                become one, or names two columns alike.
        """
        kept = [name for name in names if self._keeps(name)]
        where = f'pipeline.toml: tables."{self.source}"'
        identifying = {*key, *self.setting.partition_key, *self.setting.clustering_key}
        if left_out := sorted(identifying - set(kept)):
            raise RuleConflict(f"{where} leaves out {', '.join(left_out)}, part of the key")
        for name in identifying & set(self.setting.mask):
            if self.setting.mask[name] != "hash":
                raise RuleConflict(f"{where}: {name} is part of the key: its mask can only be hash")
        written = tuple(
            TargetColumn(name, self.setting.rename.get(name, name), self._mask(name))
            for name in kept
        )
        if len({column.target for column in written}) < len(written):
            raise RuleConflict(f"{where}: two columns have one name in Cassandra")
        return written

    def column(self, name: str) -> TargetColumn | None:
        """How one column is written; None: the rule leaves it out."""
        if not self._keeps(name):
            return None
        return TargetColumn(name, self.setting.rename.get(name, name), self._mask(name))

    def primary_key(self, key: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Partition key and clustering columns, by their names in PostgreSQL.

        Without a setting the whole key is the partition key: rows are spread, partitions are small.

        Raises:
            RuleConflict: a column of the source's key is in neither.
        """
        clustering = tuple(self.setting.clustering_key)
        partition = tuple(self.setting.partition_key) or tuple(
            name for name in key if name not in clustering
        )
        where = f'pipeline.toml: tables."{self.source}"'
        if missing := [name for name in key if name not in (*partition, *clustering)]:
            raise RuleConflict(
                f"{where}: {', '.join(missing)} of the table's key is in neither partition_key nor"
                " clustering_key, so two rows could become one"
            )
        if not partition or set(partition) & set(clustering):
            raise RuleConflict(f"{where}: a column can be in one of partition_key, clustering_key")
        return partition, clustering

    def _keeps(self, name: str) -> bool:
        setting = self.setting
        return name not in setting.exclude and (not setting.columns or name in setting.columns)

    def _mask(self, name: str) -> Mask | None:
        text = self.setting.mask.get(name)
        if text is None:
            return None
        truncate = _TRUNCATE.fullmatch(text)
        if truncate:
            return Mask("truncate", length=int(truncate[1]))
        return Mask(text, secret=self.secret)


@dataclass(frozen=True)
class TableRules:
    """The rule of each table: its section in pipeline.toml, or the default."""

    keyspace: str
    tables: tuple[tuple[str, TableSettings], ...]
    secret: bytes

    def __hash__(self) -> int:
        """Equal rules, equal hash; the settings of the tables hold dicts, which have none."""
        return hash((self.keyspace, self.secret, tuple(name for name, _ in self.tables)))

    @classmethod
    def of(cls, settings: Settings) -> "TableRules":
        secret = settings.masking.key.encode()
        return cls(settings.cassandra.keyspace, tuple(settings.tables.items()), secret)

    def rule(self, schema: str, table: str) -> TableRule:
        """The rule of a table of PostgreSQL."""
        source = f"{schema}.{table}"
        setting = dict(self.tables).get(source, TableSettings())
        keyspace, _, name = setting.target.rpartition(".")
        default = table if schema == "public" else f"{schema}_{table}"
        return TableRule(source, keyspace or self.keyspace, name or default, setting, self.secret)


def topic_of(prefix: str, schema: str, table: str) -> str:
    """The topic that Debezium gives a table: what Kafka does not take in a name becomes `_`."""
    name = f"{prefix}.{schema}.{table}"
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)


def stream_pattern(prefix: str) -> str:
    """The regular expression, Python's and Java's, of the topics that the stream reads, in full.

    Tables of every schema but walflow's own, whose heartbeat is no data.
    """
    return rf"{re.escape(prefix)}\.(?!walflow\.).*"
