"""`python -m tests.workload SEED`: a workload on the stack that is up, shrunk if asked for.

Settings are those of `walflow`, so WALFLOW_PORTS__OFFSET and the like choose the stack.
Exit code 0: no row differs; 1: some do, or the workload could not be run to its end.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tests.workload.connection import Lost
from tests.workload.generate import Mix, generate
from tests.workload.kills import Victim, plan_kills
from tests.workload.plan import Workload, from_json
from tests.workload.runs import KILL_RATE, differential, under_kills
from tests.workload.schedule import Stuck
from tests.workload.shrink import RUNS, shrink
from walflow.errors import WalflowError
from walflow.settings import load

MIX_OPTIONS = [part for part in fields(Mix) if part.name != "weights"]


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tests.workload", description=__doc__)
    options.add_argument("seed", type=int)
    for part in MIX_OPTIONS:
        name, default = f"--{part.name.replace('_', '-')}", getattr(Mix(), part.name)
        if isinstance(default, bool):
            options.add_argument(name, action=argparse.BooleanOptionalAction, default=default)
        else:
            options.add_argument(name, type=type(default), default=default)
    options.add_argument("--rounds", type=int, default=1, help="also the seeds after SEED")
    options.add_argument("--file", type=Path, help="run this workload instead of the seed's")
    options.add_argument("--shrink", action="store_true", help="make a failing workload smaller")
    options.add_argument("--runs", type=int, default=RUNS, help="of shrinking, at the most")
    options.add_argument("--kills", type=int, default=0)
    options.add_argument("--victims", nargs="+", choices=[v.value for v in Victim])
    options.add_argument("--seconds", type=float, default=75.0, help="of a run under kills")
    options.add_argument("--rate", type=float, default=KILL_RATE, help="statements/s under kills")
    return options


def main(arguments: list[str]) -> int:
    asked = parser().parse_args(arguments)
    mix = Mix(**{part.name: getattr(asked, part.name) for part in MIX_OPTIONS})
    try:
        passed = _under_kills(asked, mix) if asked.kills else _rounds(asked, mix)
    except WalflowError as error:
        print(error.sentence, file=sys.stderr)
        return int(error.exit_code)
    except (Lost, Stuck) as error:
        print(f"The workload could not be run to its end: {error}", file=sys.stderr)
        return 1
    return 0 if passed else 1


def _under_kills(asked: argparse.Namespace, mix: Mix) -> bool:
    victims = tuple(Victim(name) for name in asked.victims or Victim)
    plan = plan_kills(asked.seed, asked.kills, asked.seconds, victims)
    outcome = under_kills(load(), asked.seed, mix, asked.seconds, plan, asked.rate)
    print(outcome.text())
    return outcome.passed


def _rounds(asked: argparse.Namespace, mix: Mix) -> bool:
    for seed in range(asked.seed, asked.seed + asked.rounds):
        workload = from_json(asked.file.read_text()) if asked.file else generate(seed, mix)
        outcome = differential(load(), seed, workload, mix)
        print(outcome.text(), flush=True)
        if not outcome.passed:
            if asked.shrink:
                _shrink(seed, workload, mix, asked.runs)
            return False
    return True


def _shrink(seed: int, workload: Workload, mix: Mix, runs: int) -> None:
    def fails(smaller: Workload) -> bool:
        outcome = differential(load(), seed, smaller, mix)
        count = sum(1 for _ in smaller.places())
        print(f"{count} statements: {outcome.differing} differing rows", file=sys.stderr)
        return not outcome.passed

    smallest = shrink(workload, fails, runs)
    file = load().run_dir / f"workload-{seed}.json"
    file.write_text(smallest.to_json())
    print(f"The smallest that still fails is in {file}; run it with --file.\n{smallest.script()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
