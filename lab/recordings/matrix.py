"""`python -m lab.recordings.matrix`: what each monitor says while each recording is played, minute by minute.

A recording is replayed through the real check into a store as the Agent would flush it, and every monitor is
evaluated on that each minute. What comes out is compared with what stands in a file, by a test; so a monitor that was
changed, or a check that was, shows by the minute what that does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from etcd_latency.standalone import Run
from lab.assets import monitors
from lab.cache import say
from lab.datadog.aggregator import Recorder
from lab.datadog.evaluate import Status, outcomes
from lab.datadog.query import parse_monitor
from lab.datadog.store import Store
from lab.process import LabError
from lab.recordings.recording import FOLDER, SUFFIX, path_to, read
from lab.recordings.replay import playing

MINUTE = 60
TIMELINES = FOLDER / "timelines.json"

Turns = list[tuple[int, str]]
"""From which minute on a group had which state: `(12, "alert")`. It begins as ok, or as what it is then."""

Timeline = dict[str, Turns]
"""By group: `etcd_cluster:lab etcd_member:etcd-1`; groups that are ok all the time are left out."""


@dataclass(frozen=True, slots=True)
class Play:
    """A recording that was replayed; minutes count from its first run."""

    name: str
    store: Store
    began: float
    """The wall clock at the first run, in seconds."""
    minutes: int
    struck: float | None
    """The minute at which something befell the cluster."""
    over: float | None
    """The minute at which that was taken away."""

    @property
    def moments(self) -> list[int]:
        """When monitors are evaluated: at every full minute of the clock."""
        first = int(self.began // MINUTE) + 1
        return [minute * MINUTE for minute in range(first, first + self.minutes)]


@dataclass(frozen=True, slots=True)
class Silence:
    """No run is flushed from one minute to another of a recording: the Agent is stopped, or cut off from Datadog."""

    of: str
    begins: int
    ends: int


DERIVED = {"no-agent": Silence("healthy", 10, 25)}
"""What needs no recording of its own."""


def names() -> list[str]:
    """All that can be played."""
    return sorted([*(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}")), *DERIVED])


def played(name: str, folder: Path = FOLDER, hosts: Sequence[str] = ()) -> Play:
    """Replay a recording, or what is derived from one; `hosts` are those of several Agents that all measured it."""
    silence = DERIVED.get(name)
    tape = read(path_to(silence.of if silence else name, folder))
    store = Store()
    agent = Recorder(store)
    last = tape.began
    with playing(tape) as runs:
        for at, run in runs:
            minute = (at - tape.began) / MINUTE
            if silence is None or not silence.begins <= minute < silence.ends:
                for one in _from_each(run, hosts):
                    agent.take(one, at)
            last = at
    minutes = int((last - tape.began) // MINUTE) + 1
    if silence:
        return Play(name, store, tape.began, minutes, silence.begins, silence.ends)
    struck, over = (*(number * tape.pace / MINUTE for number, _ in tape.story), None, None)[:2]
    return Play(name, store, tape.began, minutes, struck, over)


def _from_each(run: Run, hosts: Sequence[str]) -> Iterator[Run]:
    """The same run, with the tag of each host on everything; untouched where there is only one Agent."""
    if not hosts:
        yield run
    for host in hosts:
        tag = f"host:{host}"
        yield replace(
            run,
            metrics=tuple(replace(one, tags=(*one.tags, tag)) for one in run.metrics),
            service_checks=tuple(replace(one, tags=(*one.tags, tag)) for one in run.service_checks),
        )


def timeline(play: Play, definition: Mapping[str, Any]) -> Timeline:
    """What a monitor, as its definition has it, says while a recording is played."""
    alert = parse_monitor(definition["query"])
    found = outcomes(alert, definition["options"], play.store, play.moments)
    turns = {group_name(group): list(_turns(states)) for group, states in sorted(found.items())}
    return {group: changes for group, changes in turns.items() if changes}


def _turns(states: Sequence[Status]) -> Iterator[tuple[int, str]]:
    """Where the state changes. That a group is not judged yet is no state."""
    before = Status.OK
    for minute, state in enumerate(states):
        if state is not before and not (state is Status.NO_DATA and set(states[:minute]) <= {Status.NO_DATA}):
            yield minute, state.value
            before = state


def group_name(group: Iterable[tuple[str, str]]) -> str:
    """`etcd_cluster:lab etcd_member:etcd-1`."""
    return " ".join(f"{key}:{value}" for key, value in group)


def definitions() -> dict[str, dict[str, Any]]:
    """The definition of each monitor, by its key."""
    return {path.stem: json.loads(text)["definition"] for path, text in monitors.rendered().items()}


def said(plays: Iterable[Play]) -> dict[str, dict[str, Timeline]]:
    """What every monitor says in every recording, where it says anything."""
    found = {}
    for play in plays:
        timelines = {key: timeline(play, definition) for key, definition in definitions().items()}
        found[play.name] = {key: turns for key, turns in timelines.items() if turns}
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what monitors say, or write down that this is what they should; returns the exit code: 0, or 1."""
    parser = argparse.ArgumentParser(prog="python -m lab.recordings.matrix", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a recording; by default all")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where they are; by default {FOLDER}")
    parser.add_argument("--write", action="store_true", help=f"keep it in {TIMELINES}, with which the tests compare")
    options = parser.parse_args(arguments)
    try:
        found = said(played(name, options.folder) for name in options.names or names())
    except LabError as error:
        say(f"matrix: {error}")
        return 1
    if options.write:
        TIMELINES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    for name, timelines in found.items():
        say(name)
        for key, groups in timelines.items():
            for group, turns in groups.items():
                say(f"  {key:26}{group}: " + ", ".join(f"{state} {minute}" for minute, state in turns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
