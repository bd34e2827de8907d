"""What the daemon puts in place of Spark's own."""

import pyarrow as pa
import pytest
from pyspark.sql.conversion import ArrowBatchTransformer

from change_stream.worker_daemon import flattened

COLUMN = pa.array(
    [{"record": b"one"}, {"record": None}, None, {"record": b""}, {"record": b"two"}],
    pa.struct([("record", pa.binary())]),
)


@pytest.mark.parametrize("column", [COLUMN, COLUMN.slice(1, 3), COLUMN[:0]])
def test_columns_are_flattened_as_by_spark(column: pa.StructArray) -> None:
    batch = pa.RecordBatch.from_arrays([column], ["_0"])
    assert flattened(batch).equals(ArrowBatchTransformer.flatten_struct(batch))
