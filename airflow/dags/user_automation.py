"""The DAG user_automation: takes users from the users API into PostgreSQL.

Environment: USERS_SCHEDULE (cron; "none" or empty for no schedule), USERS_PER_RUN, USERS_API
("auto", "bundled" or an address), USERS_API_BUNDLED_URL, USERS_API_CONCURRENCY,
USERS_API_REQUESTS_PER_MINUTE (0 or empty: no limit), USERS_PAGE_SIZE. The target is Airflow's
connection users_db.
"""

import logging
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Connection, Param, dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

# Airflow imports this file under a made-up module name.
log = logging.getLogger("user_automation")

CONNECTION = "users_db"
BUNDLED_URL = "http://127.0.0.1:8090/api/"
SCHEDULE = os.environ.get("USERS_SCHEDULE", "*/10 * * * *").strip()


def number_from_env(name: str, default: int) -> int:
    """A whole number from the environment; the default where it is unset or empty."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal():
        raise ValueError(f"{name} is a whole number, not '{text}'.")
    return int(text)


def dsn_of(connection: Connection) -> str:
    """libpq's form of an Airflow connection; its extras (sslmode, …) are libpq's parameters."""
    from psycopg2.extensions import make_dsn

    return make_dsn(
        host=connection.host,
        port=connection.port,
        user=connection.login,
        password=connection.password,
        dbname=connection.schema,
        **connection.extra_dejson,
    )


@dag(
    dag_id="user_automation",
    description="Fetches users from the users API and upserts them into created_users.",
    schedule=None if SCHEDULE.lower() in ("", "none") else SCHEDULE,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Runs in parallel would be correct (rows are locked in key order), only of no use.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=15)},
    params={
        "users": Param(
            number_from_env("USERS_PER_RUN", 100),
            type="integer",
            minimum=1,
            maximum=1_000_000,
            description="How many users to fetch.",
        ),
        "seed": Param(
            None,
            type=["string", "null"],
            maxLength=64,
            description="The population to fetch from; by default one made from the run's id.",
        ),
    },
    tags=["users", "cdc"],
    doc_md=__doc__,
)
def user_automation() -> None:
    @task
    def ingest_users(
        params: dict[str, Any] | None = None, run_id: str | None = None
    ) -> dict[str, Any]:
        """Fetches and stores the users of one run; returns the run's summary."""
        # Imported here because Airflow parses this file over and over.
        from users.api import UsersApiError
        from users.ingest import Settings, ingest
        from users.source import choose_source
        from users.store import StoreError

        wanted = params or {}
        try:
            source = choose_source(
                os.environ.get("USERS_API", "auto"),
                os.environ.get("USERS_API_BUNDLED_URL", BUNDLED_URL),
            )
            summary = ingest(
                source=source,
                dsn=dsn_of(Connection.get(CONNECTION)),
                users=wanted["users"],
                run_id=run_id or "unnamed",
                seed=wanted["seed"],
                settings=Settings(
                    concurrency=number_from_env("USERS_API_CONCURRENCY", 4),
                    page_size=number_from_env("USERS_PAGE_SIZE", 1000),
                    requests_per_minute=number_from_env("USERS_API_REQUESTS_PER_MINUTE", 0) or None,
                ),
            )
        # Airflow prints a trace of its own frames whatever is raised, so the sentence goes first,
        # in a line of its own; "from None" spares the log the client's frames.
        except (UsersApiError, StoreError) as failure:
            log.error("%s", failure)
            raise AirflowException(str(failure)) from None
        except ValueError as wrong_setting:
            log.error("%s Not tried again.", wrong_setting)
            raise AirflowFailException(str(wrong_setting)) from None
        print(summary)
        return asdict(summary)

    ingest_users()


user_automation()
