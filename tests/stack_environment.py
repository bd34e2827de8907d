"""Environment of every command that a test runs on the shared stack; `pytest --mode` has its say in it.

A module of its own: pytest loads conftest.py as one, and a test that imports from it as another.
"""

from tests import table_rules

LOCAL, COMPOSE = "local", "compose"
RUN = {LOCAL: ".run-test", COMPOSE: ".run-test-compose"}
"""Mode → run directory; by its name containers and volumes are named too."""
STACK = {
    "WALFLOW_MODE": LOCAL,
    "WALFLOW_PORTS__OFFSET": "20000",
    "WALFLOW_PATHS__RUN": RUN[LOCAL],
    "WALFLOW_INGEST__USERS_API": "bundled",
    "WALFLOW_INGEST__SCHEDULE": "none",
    # Each table that a test captures takes two for good, one for each partition of its topic.
    "WALFLOW_STREAM__SLOTS": "48",
    # So that batches end in the midst of what is tested.
    "WALFLOW_STREAM__BATCH_SECONDS": "120",
    **table_rules.ENVIRONMENT,
}


def choose(mode: str) -> None:
    """Have the stack in this mode, before anything is asked of it."""
    STACK.update({"WALFLOW_MODE": mode, "WALFLOW_PATHS__RUN": RUN[mode]})
