"""Whether anything runs that can be asked."""

from concurrent.futures import ThreadPoolExecutor

from walflow.settings import Settings
from walflow.stack.ports import require_listening
from walflow.stack.service import NotReady

PORTS = ("postgres", "kafka", "registry", "connect", "cassandra", "spark_ui")


def anything_answers(settings: Settings) -> bool:
    """Whether one of the servers that pipeline.toml names takes connections."""
    with ThreadPoolExecutor(len(PORTS)) as pool:
        return any(pool.map(lambda port: _listens(settings.address(port)), PORTS))


def _listens(address: str) -> bool:
    try:
        require_listening(address)
    except NotReady:
        return False
    return True
