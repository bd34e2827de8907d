"""Airflow's REST API: trigger the DAG and wait for what it returns.

Source: Airflow 3 documentation, "Airflow public API reference", /api/v2.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings

DAG = "user_automation"
TASK = "ingest_users"
KNOWN_SECONDS = 60
TIMEOUT = 30


@dataclass(frozen=True)
class IngestRun:
    """What one run of the DAG did; counts are users."""

    source: str
    source_reason: str
    requested: int
    fetched: int
    inserted: int
    updated: int
    unchanged: int
    set_aside: int
    seconds: float
    seed: str


class _NotYet(Exception):
    pass


class AirflowApi:
    def __init__(self, settings: Settings) -> None:
        self._url = f"http://{settings.address('airflow')}"
        self._login = {
            "username": settings.airflow.username,
            "password": settings.airflow.password,
        }
        self._headers: dict[str, str] = {}

    def run(self, users: int, seconds: float, seed: str | None = None) -> IngestRun:
        """Trigger `user_automation` and wait until its run has ended.

        Args:
            seconds: how long to wait for the run.

        Raises:
            WalflowError: the DAG is not known, its run failed, or it did not end in time.
        """
        run_id = self._trigger(users, seed)
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run_id, safe='')}"

        @retry(
            retry=retry_if_exception_type(_NotYet),
            stop=stop_after_delay(seconds),
            wait=wait_fixed(0.2),
            reraise=True,
        )
        def end() -> str:
            state = str(self._get(path)["state"])
            if state in ("queued", "running"):
                raise _NotYet(state)
            return state

        try:
            state = end()
        except _NotYet as reason:
            raise WalflowError(
                f"Run {run_id} of {DAG} is still {reason} after {seconds:.0f} s;"
                f" see {self._url}/dags/{DAG}."
            ) from reason
        if state != "success":
            raise WalflowError(
                f"Run {run_id} of {DAG} ended as {state}: {self._last_error(path)}"
                f" The whole log: {self._url}/dags/{DAG}."
            )
        result = self._get(f"{path}/taskInstances/{TASK}/xcomEntries/return_value")["value"]
        return IngestRun(**result)

    def _trigger(self, users: int, seed: str | None) -> str:
        """Start a run; the DAG may have to be parsed first on a new stack."""

        @retry(
            retry=retry_if_exception_type(_NotYet),
            stop=stop_after_delay(KNOWN_SECONDS),
            wait=wait_fixed(0.3),
            reraise=True,
        )
        def trigger() -> str:
            body = {"logical_date": None, "conf": {"users": users, "seed": seed}}
            answer = self._call("POST", f"/api/v2/dags/{DAG}/dagRuns", body)
            if answer.status_code == 404:
                raise _NotYet
            if not answer.ok:
                raise WalflowError(f"Airflow refuses to run {DAG}: {answer.text}")
            return str(answer.json()["dag_run_id"])

        try:
            return trigger()
        except _NotYet as reason:
            raise WalflowError(
                f"Airflow knows no DAG {DAG} after {KNOWN_SECONDS} s."
                f" {ticked('logs airflow-dag-processor')} tells why."
            ) from reason

    def _last_error(self, run_path: str) -> str:
        """The last line that the task logged as an error, where there is one."""
        task: Any = self._get(f"{run_path}/taskInstances/{TASK}")
        answer = self._call("GET", f"{run_path}/taskInstances/{TASK}/logs/{task['try_number']}")
        if not answer.ok:
            return "its log cannot be read."
        lines = answer.json().get("content", [])
        errors = [
            line["event"]
            for line in lines
            if isinstance(line, dict) and line.get("level") == "error"
        ]
        return str(errors[0]) if errors else "its log names no error."

    def _get(self, path: str) -> Any:
        answer = self._call("GET", path)
        if not answer.ok:
            raise WalflowError(f"Airflow answers {answer.status_code} to {path}: {answer.text}")
        return answer.json()

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        try:
            if not self._headers:
                answer = requests.post(f"{self._url}/auth/token", json=self._login, timeout=TIMEOUT)
                if not answer.ok:
                    raise WalflowError(
                        f"Airflow at {self._url} refuses the login of airflow.username in"
                        " pipeline.toml.",
                        ExitCode.NOT_READY,
                    )
                self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            return requests.request(
                method, self._url + path, json=body, headers=self._headers, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            raise WalflowError(
                f"Airflow does not answer at {self._url}. Is it up? See {ticked('status')}.",
                ExitCode.NOT_READY,
            ) from error
