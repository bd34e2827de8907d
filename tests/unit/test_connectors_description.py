"""A connector is described with the causes of its failures and without their stack frames."""

from walflow.connectors.description import Description, Part, _part, lines

TRACE = """org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler
\tat org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndHandleError(…)
Caused by: org.apache.kafka.connect.errors.DataException: Converting byte[] failed due to
serialization error
\t... 5 more
"""


def test_causes_are_kept_with_all_their_lines_and_frames_are_not() -> None:
    part = _part({"id": 0, "state": "FAILED", "worker_id": "127.0.0.1:8083", "trace": TRACE})
    assert part.causes == (
        "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler",
        "Caused by: org.apache.kafka.connect.errors.DataException: Converting byte[] failed due to",
        "serialization error",
    )


def test_a_description_has_a_line_for_each_part() -> None:
    described = Description(
        "users",
        "source",
        Part(None, "RUNNING", "127.0.0.1:8083", ()),
        (Part(0, "FAILED", "127.0.0.1:8083", ("java.net.ConnectException: refused",)),),
        ("cdc.public.created_users",),
        ({"partition": {"server": "cdc"}, "offset": {"lsn": 42}},),
        {"tasks.max": "1", "database.password": "********"},
    )
    assert lines(described) == [
        "name       users",
        "type       source",
        "state      RUNNING on 127.0.0.1:8083",
        "task 0     FAILED on 127.0.0.1:8083",
        "           java.net.ConnectException: refused",
        "topic      cdc.public.created_users",
        'offset     {"server": "cdc"}: {"lsn": 42}',
        "config",
        "  database.password = ********",
        "  tasks.max = 1",
    ]
