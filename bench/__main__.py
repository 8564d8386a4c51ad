"""Measures the check side by side with its peers and prints one table; a full run writes bench/RESULTS.md.

Exit codes: 0; 1 when the check misses what it must reach, or something did not do its work; 2 for a wrong
command line.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import machine, table
from bench.peers import BenchError
from bench.rows import HEATS, ROWS, Outcome, outcome
from bench.stage import Stage
from lab.process import LabError

RESULTS = Path("bench/RESULTS.md")

QUIET_LOAD = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; returns the exit code."""
    options = parsed(arguments)
    names = [name for name in HEATS if name in (options.only or HEATS)]
    logging.basicConfig(handlers=[logging.NullHandler()])  # what is wrong is told by the report of a run
    busy = machine.load()
    if busy > QUIET_LOAD:
        sys.stderr.write(f"bench: the load of this machine is {busy:.1f}; figures need a quiet one\n")
    try:
        outcomes = measured(names, options.rounds, quick=options.quick)
    except (BenchError, LabError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    text = report(outcomes, busy)
    sys.stdout.write(text)
    if not (options.only or options.rounds or options.quick):
        RESULTS.write_text(text, encoding="utf-8")
    return 1 if any(one.met is False for one in outcomes) else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=HEATS, metavar="ROWS", help=f"of {', '.join(HEATS)}")
    parser.add_argument(
        "--rounds", type=positive, metavar="N", help="rounds of each measurement (default: by what it takes)"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds: a first impression")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """A number of rounds from the command line."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def measured(names: Sequence[str], rounds: int | None, *, quick: bool) -> list[Outcome]:
    """The rows of these heats with their figures."""
    found = {}
    with Stage() as stage:
        for name in names:
            heat = HEATS[name]
            stage.say(f"measuring {name}")
            found[name] = heat.heat(stage, rounds or (heat.quick if quick else heat.rounds))
            gc.collect()  # what the next ones leave behind shall be theirs
        stage.say("done")
    return [outcome(row, found[row.heat]) for row in ROWS if row.heat in found]


def report(outcomes: Sequence[Outcome], busy: float) -> str:
    """The table under its heading."""
    missed = sum(one.met is False for one in outcomes)
    verdict = f"{missed} of what must be reached is missed." if missed else "All that must be reached is reached."
    about = "".join(f"- {fact}\n" for fact in (*machine.facts(), f"load before it began: {busy:.1f}"))
    return f"# The check side by side with its peers\n\n{about}\n{table.rendered(outcomes)}\n{NOTES}\n{verdict}\n"


NOTES = """\
CPU is that of the client's process, all threads, for one run: medians, on the same pages with evolving values, over
mutual TLS from a server that chunks as etcd does, all in one process and in turn. Ratios are medians of the ratios
of single rounds. All submit to an aggregator that does nothing; `metrics sent` is what one run submits, ours / peer.
"""


if __name__ == "__main__":
    sys.exit(main())
