"""What a service is to run with is what supervisord, by its own parser, runs it with."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from supervisor.datatypes import dict_of_key_value_pairs
from supervisor.options import ServerOptions, UnhosedConfigParser, expand

from walflow import settings
from walflow.errors import WalflowError
from walflow.settings import Paths
from walflow.stack.service import Readiness, Service
from walflow.stack.supervision import MARK, Supervisor, _command, _environment

READY = Readiness("answers", lambda: None)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"))
TRICKY = st.text("a %;#'\"\\=,$(){}s\t")


def as_supervisord_reads(option: str) -> str:
    parser = UnhosedConfigParser()
    parser.read_string(f"[program:x]\noption={option}\n")
    value: str = expand(parser.get("program:x", "option"), {}, "option")
    return value


@given(st.lists(TEXT | TRICKY, min_size=1))
@example(["java", "-D100%", "%(here)s x", "it's", 'say "yes"', "a\\b", ""])
@example(["a #b", "c ;d", " ;", "#"])
def test_a_command_reaches_the_process_word_by_word(words: list[str]) -> None:
    assert shlex.split(as_supervisord_reads(_command(words))) == words


@given(TEXT | TRICKY)
@example("100%")
@example("a\\b")
@example('say "yes" now')
@example("it's")
@example("postgresql://u:p%40ss@127.0.0.1:5432/users?a=b,c")
@example(" spaces ")
def test_a_variable_reaches_the_process_as_it_is_or_is_refused_by_name(value: str) -> None:
    try:
        option = _environment({"FIRST": value, "SECOND": "2"})
    except WalflowError as refused:
        assert "variable FIRST has a value" in refused.sentence
        return
    assert dict_of_key_value_pairs(as_supervisord_reads(option)) == {"FIRST": value, "SECOND": "2"}


@pytest.mark.parametrize(
    "value", ["100%", "a\\b", 'say "yes" now', "it's", "a,b=c", "*/10 * * * *", ""]
)
def test_an_ordinary_value_is_never_refused(value: str) -> None:
    option = _environment({"NAME": value})

    assert dict_of_key_value_pairs(as_supervisord_reads(option)) == {"NAME": value}


@pytest.mark.parametrize("value", ["'\"", '"quoted"', "a #b", "a ;b", "a\nb", "\n"])
def test_what_supervisord_would_cut_or_change_is_refused(value: str) -> None:
    with pytest.raises(WalflowError, match="variable PASSWORD has a value that supervisord cannot"):
        _environment({"PASSWORD": value})


def test_a_command_with_a_line_break_is_refused() -> None:
    with pytest.raises(WalflowError, match="line break"):
        _command(["sh", "-c", "a\nb"])


def test_the_whole_configuration_reads_as_the_services_are(tmp_path: Path) -> None:
    run = tmp_path / "a run"
    stack: Any = settings.load().model_copy(update={"paths": Paths(run=str(run))})
    service = Service(
        "broker",
        ("java", "-Dx=50%", "it's a", 'say "yes"', "a #b"),
        READY,
        environment={"PASSWORD": "p%a's\\w", "EMPTY": ""},
        stop_signal="INT",
    )

    Supervisor(stack)._write_config([service])

    options = ServerOptions()
    config = run / "config" / "supervisord.conf"
    options.realize(["-c", str(config)])
    configs = {
        g.process_configs[0].name: g.process_configs[0] for g in options.process_group_configs
    }
    assert set(configs) == {"broker", "restarts", "connector-restarts"}
    broker, listener = configs["broker"], configs["restarts"]
    assert tuple(shlex.split(broker.command)) == service.command
    assert broker.environment == {**service.environment, MARK: str(run)}
    assert not broker.autostart
    assert shlex.split(listener.command)[3] == str(run / "restarts.json")
    assert config.stat().st_mode & 0o777 == 0o600


def test_what_somebody_else_has_ended_meanwhile_is_stopped(tmp_path: Path) -> None:
    stack: Any = settings.load().model_copy(update={"paths": Paths(run=str(tmp_path))})

    Supervisor(stack).stop("broker")
