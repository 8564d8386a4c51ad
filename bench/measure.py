"""Runs in turn, medians, memory, and the CPU time of other processes."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from bench.peers import BenchError, Counting, Discarding, Run, submitting_to

T = TypeVar("T")
Clock = Callable[[], float]

WARM_UP_RUNS = 2
MEMORY_RUNS = 3


@dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody who is measured."""

    make: Callable[[], Run]
    least: int = 0
    """How many metrics a run submits at least, or nothing was done; 0 for who submits none at all."""
    runs: int = 1
    """How many runs are taken as one, where a single one is too short to be measured well."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one contestant, a value for each round."""

    values: tuple[float, ...]
    submitted: int | None = None
    """How many metrics one run submits."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def scaled(self, factor: float) -> Figures:
        """The same in another unit."""
        return replace(self, values=tuple(value * factor for value in self.values))


def ratio(upper: Figures, lower: Figures) -> float:
    """The median of the ratios, round by round; where rounds were not common ones, the ratio of the medians."""
    if len(upper.values) != len(lower.values):
        return upper.median / lower.median
    return statistics.median(one / other for one, other in zip(upper.values, lower.values, strict=True))


def difference(upper: Figures, lower: Figures) -> float:
    """The median of the differences, round by round."""
    return statistics.median(one - other for one, other in zip(upper.values, lower.values, strict=True))


def race(
    contestants: Mapping[str, Contestant], rounds: int, clock: Clock = time.process_time, unit: float = 1000
) -> dict[str, Figures]:
    """Measure all, round by round, each round begun by another; milliseconds of CPU unless told otherwise.

    They share one process, in which Python collects garbage as it does in the Agent.
    """
    counts = {name: counted(name, contestant) for name, contestant in contestants.items()}
    values: dict[str, list[float]] = {name: [] for name in contestants}
    with submitting_to(Discarding()):
        runs = {name: contestant.make() for name, contestant in contestants.items()}
        for run in runs.values():
            for _ in range(WARM_UP_RUNS):
                run()
        order = list(runs)
        for _ in range(rounds):
            for name in order:
                values[name].append(unit * timed(runs[name], clock, contestants[name].runs))
            order.append(order.pop(0))
    return {name: Figures(tuple(values[name]), counts[name]) for name in contestants}


def timed(run: Run, clock: Clock, runs: int = 1) -> float:
    """What one of so many runs takes by this clock."""
    started = clock()
    for _ in range(runs):
        run()
    return (clock() - started) / runs


def counted(name: str, contestant: Contestant) -> int | None:
    """How many metrics the second run submits; an error when these are too few for the work to be done."""
    if not contestant.least:
        return None
    (*_, found) = submissions(contestant.make, 2)
    if found < contestant.least:
        raise BenchError(f"{name} submitted {found} metrics in a run; {contestant.least} or more were expected")
    return found


def submissions(make: Callable[[], Run], runs: int) -> list[int]:
    """How many metrics each of the first runs submits."""
    counts = []
    aggregator = Counting()
    with submitting_to(aggregator):
        run = make()
        for _ in range(runs):
            aggregator.submitted = 0
            run()
            counts.append(aggregator.submitted)
    return counts


def alone(work: Callable[..., T], *arguments: object) -> T:
    """Do the work in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_growth(make: Callable[[], Run]) -> float:
    """By how many MB memory at its highest exceeds what it was before the first run; for a fresh process."""
    with submitting_to(Discarding()):
        run = make()
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forgets the highest so far
        for _ in range(MEMORY_RUNS):
            run()
    return _memory("VmHWM") - before


def resident(make: Callable[[], Run]) -> float:
    """How many MB are resident after some runs; for a fresh process."""
    with submitting_to(Discarding()):
        run = make()
        for _ in range(MEMORY_RUNS):
            run()
    return _memory("VmRSS")


def _memory(field: str) -> float:
    """A figure of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(value) * 1024 / 1e6


def cpu_of(pid: int) -> float:
    """The seconds of CPU that all threads of a process have had so far."""
    nanoseconds = 0
    for statistics_of_thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        nanoseconds += int(statistics_of_thread.read_text().split()[0])
    return nanoseconds / 1e9


def cpu_while(pid: int, work: Callable[[], None]) -> float:
    """The seconds of CPU that another process takes while we work."""
    before = cpu_of(pid)
    work()
    return cpu_of(pid) - before


def paced(run: Callable[[], None], times: int, pause: float) -> None:
    """So many runs, each begun this long after the one before."""
    due = time.monotonic()
    for _ in range(times):
        run()
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))
