"""What the handlers of the JSON API share."""

from dataclasses import dataclass

from aiohttp import web

from walflow.metrics.exposition import Metrics
from walflow.monitor.blocking import Blocking
from walflow.monitor.letters import Letters
from walflow.monitor.sampler import Sampler
from walflow.monitor.verifying import Verifying
from walflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Shared:
    settings: Settings
    blocking: Blocking
    sampler: Sampler
    letters: Letters
    verifying: Verifying
    metrics: Metrics


SHARED = web.AppKey("shared", Shared)


def shared(request: web.Request) -> Shared:
    return request.app[SHARED]
