"""The bundled users API, which speaks randomuser.me's contract."""

import sys

from walflow.settings import HOME, Settings
from walflow.stack.http import get_json
from walflow.stack.service import Readiness, Service


def users_api(settings: Settings) -> Service:
    port = settings.ports.of("users_api")
    url = f"http://127.0.0.1:{port}/api/"

    def check() -> None:
        get_json(f"http://127.0.0.1:{port}/health")

    return Service(
        name="users-api",
        command=(sys.executable, "-m", "users_api", "--host", "127.0.0.1", "--port", str(port)),
        readiness=Readiness("answers its health page", check),
        ports={"users_api": port},
        environment={"PYTHONPATH": str(HOME)},
        url=url,
    )
