"""What a run did, what it left on both sides, and how to run it again."""

from dataclasses import dataclass, fields

from tests.workload.compare import Comparison
from tests.workload.generate import Mix
from tests.workload.kills import Kill
from tests.workload.schedule import Tally

SHOWN_DIFFERENCES = 20


@dataclass(frozen=True)
class Outcome:
    """A run's result; `passed` needs more than equality: what was up has to be up again."""

    seed: int
    tally: Tally
    comparison: Comparison
    caught_up: bool
    """Whether the fences arrived: if not, what differs may be on its way still."""
    seconds: float
    replay: str
    """The command that runs it again."""
    dead_letters: tuple[str, ...] = ()
    kills: tuple[Kill, ...] = ()
    left_stopped: tuple[str, ...] = ()
    """Services that were up before and that supervision did not bring back."""
    failure: str = ""

    @property
    def differing(self) -> int:
        """Rows that are not the same on both sides; 0 is the only pass."""
        return len(self.comparison.differences)

    @property
    def passed(self) -> bool:
        return not (self.differing or self.left_stopped or self.failure) and self.caught_up

    def text(self) -> str:
        lines = [
            f"seed {self.seed}: {self.differing} differing rows of {self.comparison.rows}"
            f" after {self.seconds:.0f} s; {self.tally.text()}"
        ]
        if self.kills:
            lines.append(f"{len(self.kills)} kills:")
            lines += [f"  {kill.text()}" for kill in self.kills]
        if self.left_stopped:
            lines.append(f"not up again: {', '.join(self.left_stopped)}")
        if self.failure:
            lines.append(self.failure)
        if not self.caught_up:
            lines.append("rows written behind the workload did not all arrive in time")
        if self.dead_letters:
            lines.append(f"{len(self.dead_letters)} dead letters, the first:")
            lines += [f"  {letter}" for letter in self.dead_letters[:5]]
        if self.differing:
            lines += [
                f"  {difference.text()}"
                for difference in self.comparison.differences[:SHOWN_DIFFERENCES]
            ]
        if not self.passed:
            lines.append(f"replay: {self.replay}")
        return "\n".join(lines)


def command(seed: int, mix: Mix, *more: str) -> str:
    """The command line that runs a seed's workload with a mix."""
    words = [".venv/bin/python -m tests.workload", str(seed)]
    for part in fields(Mix):
        value, name = getattr(mix, part.name), part.name.replace("_", "-")
        if value == getattr(Mix(), part.name) or part.name == "weights":
            continue
        words.append(f"--{name} {value}" if not isinstance(value, bool) else _switch(name, value))
    return " ".join([*words, *more])


def _switch(name: str, value: bool) -> str:
    return f"--{name}" if value else f"--no-{name}"
