"""recover: the way back from a lost replication slot."""

import time
from typing import Annotated

import typer
from rich.text import Text

from walflow.advice import ticked
from walflow.cli.output import messages
from walflow.cli.stages import Stages
from walflow.recovery import captured_names, find_loss
from walflow.recovery import recover as do_recover
from walflow.settings import load


def recover(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it begins.")] = False,
) -> None:
    """Recover from a lost replication slot: new slot, new snapshot, orphans removed.

    Writes to PostgreSQL go on meanwhile. Where nothing is lost, it says so and does nothing.
    """
    settings = load()
    loss = find_loss(settings)
    if loss is None:
        messages.print("Nothing is lost: there is nothing to recover from.")
        return
    messages.print(Text(loss.sentence, style="yellow"))
    tables = ", ".join(captured_names(settings))
    messages.print(
        Text(
            f"Connector {loss.connector} gets a new slot and reads {tables} from the beginning, while"
            " writes go on. Rows that PostgreSQL does not have any more are then deleted from"
            " Cassandra."
        )
    )
    if not yes:
        typer.confirm("Recover?", abort=True, err=True)
    began = time.monotonic()
    with Stages(messages) as stages:
        recovered = do_recover(settings, loss, stages.show)
    orphans = recovered.orphans
    messages.print(
        f"Recovered in {time.monotonic() - began:.1f} s: {recovered.rows} rows read of"
        f" {len(recovered.tables)} tables, {orphans.removed} orphans removed.",
        highlight=False,
    )
    if orphans.kept:
        messages.print(
            f"{orphans.kept} orphans have nothing but their key, so Cassandra tells no write time of"
            f" them: they stay. {ticked('verify')} names them.",
            style="yellow",
        )
