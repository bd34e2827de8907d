"""monitor: the pages in the browser, and the token for what changes something there."""

from typing import Annotated

import typer

from walflow.advice import typed
from walflow.cli.output import data
from walflow.compose.containers import containers
from walflow.compose.environment import project
from walflow.compose.program import ask
from walflow.errors import ExitCode, WalflowError
from walflow.monitor import token as tokens
from walflow.settings import HOME, Settings, load
from walflow.stack.monitor import monitor as service
from walflow.stack.monitor import url
from walflow.stack.service import NotReady


def monitor(
    only_token: Annotated[
        bool, typer.Option("--token", help="Print the token alone, to paste it into the page.")
    ] = False,
) -> None:
    """Print the address of the monitor in the browser; whoever opens it can change things there.

    Behind its # stands the token, which browsers do not send along. `walflow up` starts the monitor.
    """
    settings = load()
    try:
        service(settings).readiness.check()
    except NotReady as problem:
        raise WalflowError(
            f"The monitor is not up: {problem}. Run: {typed('up monitor')}", ExitCode.NOT_READY
        ) from problem
    token = _token(settings)
    data.print(
        token if only_token else f"{url(settings)}/#token={token}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _token(settings: Settings) -> str:
    if settings.mode != "compose":
        return tokens.read(settings)
    for container in containers(project(settings)):
        if container.service == "monitor":
            inside = tokens.path(settings).relative_to(settings.run_dir)
            return ask(["exec", container.identifier, "cat", f".run/{inside}"]).strip()
    raise WalflowError(f"There is no container of the monitor in {HOME}.", ExitCode.NOT_READY)
