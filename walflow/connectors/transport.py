"""Calls of Kafka Connect's REST API: repeated while the cluster is busy, refused with a sentence."""

from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.http import message_of

REBALANCE_SECONDS = 30.0
TIMEOUT = 30.0


class _Rebalancing(Exception):
    """409: the cluster is distributing its connectors; the call may be repeated."""


class Transport:
    """One worker of a Connect cluster.

    Args:
        timeout: seconds that one answer may take.
        rebalance_seconds: how long a call is repeated while the cluster distributes its connectors.
    """

    def __init__(
        self, url: str, timeout: float = TIMEOUT, rebalance_seconds: float = REBALANCE_SECONDS
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._rebalance_seconds = rebalance_seconds

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Connect's answer, whatever its status.

        Raises:
            WalflowError: Connect does not answer, or goes on distributing its connectors.
        """
        repeated = Retrying(
            retry=retry_if_exception_type(_Rebalancing),
            stop=stop_after_delay(self._rebalance_seconds),
            wait=wait_fixed(0.5),
            reraise=True,
        )
        try:
            return repeated(self._request, method, path, body)
        except _Rebalancing as error:
            raise WalflowError(
                f"Kafka Connect at {self._url} was still distributing its connectors after"
                f" {self._rebalance_seconds:g} s ({error}). Try again; {ticked('logs connect')} tells"
                " what keeps it.",
                ExitCode.NOT_READY,
            ) from error

    def read(self, path: str, what: str) -> Any:
        """The JSON of an answer.

        Args:
            what: is read, for the sentence of a refusal.

        Raises:
            WalflowError: as `call`, or Connect refuses.
        """
        answer = self.call("GET", path)
        require_ok(answer, what)
        return answer.json()

    def _request(self, method: str, path: str, body: Any) -> requests.Response:
        try:
            answer = requests.request(method, self._url + path, json=body, timeout=self._timeout)
        except requests.RequestException as error:
            raise WalflowError(
                f"Kafka Connect does not answer at {self._url}. Is it up? See {ticked('status')}.",
                ExitCode.NOT_READY,
            ) from error
        if answer.status_code == requests.codes.conflict:
            raise _Rebalancing(message_of(answer))
        return answer


def connect_transport(settings: Settings) -> Transport:
    """The Connect cluster that pipeline.toml names."""
    return Transport(f"http://{settings.address('connect')}")


def require_ok(answer: requests.Response, what: str) -> None:
    """Tell a refusal by Connect's own words.

    Raises:
        WalflowError: the answer is one.
    """
    if not answer.ok:
        raise WalflowError(f"{what}: Connect answers {answer.status_code}: {message_of(answer)}")
