"""Connectors brought to what their files say: all are checked before the first is changed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from walflow.advice import ticked
from walflow.capture.connector import require_agreement, require_nothing_lost
from walflow.connect_api import RUNNING, ConnectApi, Connector
from walflow.connectors.changes import Change, changes
from walflow.connectors.files import Definition
from walflow.connectors.secrets import MASK
from walflow.connectors.validation import require_valid
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a definition would do."""

    definition: Definition
    is_new: bool
    changes: tuple[Change, ...]

    @property
    def outcome(self) -> str:
        """created, updated or unchanged."""
        if self.is_new:
            return "created"
        return "updated" if self.changes else "unchanged"


def planned(settings: Settings, api: ConnectApi, wanted: Iterable[Definition]) -> list[Plan]:
    """Check every definition by Connect and by what the pipeline needs of it; nothing is changed.

    Raises:
        WalflowError: the sentences of all that are refused.
    """
    plans: list[Plan] = []
    refusals: list[WalflowError] = []
    for definition in wanted:
        try:
            plans.append(_plan(settings, api, definition))
        except WalflowError as error:
            if error.exit_code is ExitCode.NOT_READY:
                raise
            refusals.append(error)
    if refusals:
        raise WalflowError("\n".join(error.sentence for error in refusals), refusals[0].exit_code)
    return plans


def _plan(settings: Settings, api: ConnectApi, definition: Definition) -> Plan:
    connector, source = definition.connector, definition.source
    _require_no_mask(definition)
    require_agreement(settings, connector, source)
    require_nothing_lost(api, connector, source)
    validation = require_valid(api.transport, connector.name, connector.config, source)
    present = api.config(connector.name)
    config = {name: value for name, value in connector.config.items() if name != "name"}
    return Plan(
        definition, present is None, tuple(changes(present or {}, config, validation.passwords))
    )


def _require_no_mask(definition: Definition) -> None:
    masked = [name for name, value in definition.connector.config.items() if value == MASK]
    if masked:
        raise WalflowError(
            f"{definition.source}: {', '.join(masked)} is {MASK}, which {ticked('connectors get')}"
            " prints in place of a secret: write the value, or a reference that Connect resolves,"
            " like ${env:SOURCE_PASSWORD}. Nothing was changed.",
            ExitCode.USAGE,
        )


def carry_out(api: ConnectApi, plan: Plan) -> str:
    """Apply a definition and wait until its connector runs, unless it is held; returns its state.

    Raises:
        WalflowError: it fails, or Connect does not answer.
    """
    connector = plan.definition.connector
    wanted = connector.initial_state
    if not plan.is_new:
        # Asked before the change: for a while after it, Connect tells that nobody has the connector.
        wanted = api.held_as(connector.name) or RUNNING
    api.change(connector)
    if wanted == RUNNING:
        api.await_running(connector.name)
    return wanted


def patched(
    api: ConnectApi, name: str, values: Mapping[str, str], removed: Iterable[str]
) -> Definition:
    """A connector's definition as it is in Connect, with some settings changed.

    Raises:
        WalflowError: there is no such connector, or a setting to remove is not set.
    """
    present = Connector(**api.get(name))
    absent = [key for key in removed if key not in present.config]
    if absent:
        raise WalflowError(
            f"Connector {name} has no setting {', '.join(absent)}. Nothing was changed.",
            ExitCode.USAGE,
        )
    config = {k: v for k, v in present.config.items() if k not in set(removed)} | dict(values)
    return Definition(f"connector {name}", replace(present, config=config))


def on_each(api: ConnectApi, names: Iterable[str], act: Callable[[str], None]) -> None:
    """Do something with each connector; none is touched before all are known.

    Raises:
        WalflowError: a name is unknown; or the sentences of those with which it failed.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        api.state(name)
    failures: list[WalflowError] = []
    for name in wanted:
        try:
            act(name)
        except WalflowError as error:
            failures.append(error)
    if failures:
        raise WalflowError("\n".join(error.sentence for error in failures), failures[0].exit_code)
