"""Every question of a run, asked side by side under deadlines; failure is a value.

What hangs must cost nothing to the rest, so each lane of questions runs in a thread of its own, and who has
not answered at the deadline is left behind: its thread ends by itself at its time-out, and until then its
lane is not asked again. What arrives late counts in the next run if it is said to keep, like an API server's
page of 40 MB, and else not at all.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etcd_latency.answers import Answers
from etcd_latency.errors import Down, TargetError, TimedOut
from etcd_latency.model import Failure
from etcd_latency.probes import Probe, Server
from etcd_latency.workers import Workers

GRACE_SECONDS = 0.5
"""How much longer than the most patient target a run waits, so that the target's own error, which says
more than `no answer`, arrives first."""

HEAD_START_SECONDS = 0.02
"""How long a timed lane has the interpreter for itself; a read takes a tenth of that, and who hangs holds up the
others no longer."""


MOST_AT_ONCE = 8
"""Python runs one thread at a time: hundreds that begin together only take the processor's caches from each other."""

ROOM_SECONDS = 0.005
"""How long a lane waits for one of those to end; healthy members on one machine's network take less."""


@dataclass(frozen=True, eq=False, slots=True)
class Lane:
    """Questions for one target that are asked one after the other, over connections of their own."""

    server: Server
    probes: tuple[Probe[Any], ...]
    keeps: bool = False
    """Whether an answer that comes after its run is still wanted."""
    timed: bool = False
    """Whether it matters to the millisecond how long its answers take."""


class Fetcher:
    """Starts lanes and collects what they answer, run after run."""

    def __init__(self) -> None:
        self._run = 0
        self._workers = Workers()
        self._busy: dict[Lane, tuple[int, float]] = {}
        """By lane that has not ended, the run and the moment in which it was started."""
        self._arrived: queue.SimpleQueue[tuple[int, Lane, Probe[Any] | None, Any]] = queue.SimpleQueue()

    def begin(self) -> Answers:
        """Begin a run; its answers will stand here."""
        self._run += 1
        self._answers = Answers()
        while not self._arrived.empty():
            self._take(self._arrived.get())
        return self._answers

    def start(self, wanted: Mapping[Lane, Sequence[Probe[Any]]]) -> None:
        """Ask these questions. A lane that is still busy with an earlier run is not asked, which is a failure.

        Timed lanes begin one after the other, before the rest: while Python reads a page for one thread, the
        others stand still, and their clocks run on.
        """
        for lane, probes in sorted(wanted.items(), key=lambda item: not item[0].timed):
            if lane in self._busy:
                self._fail(lane, probes, TimedOut("still no answer to the request of an earlier run; is it hung?"))
                self._fail_overdue(lane, probes)
                continue
            self._make_room()
            self._start(lane, probes)
            if lane.timed:
                self.listen({lane}, time.monotonic() + HEAD_START_SECONDS)

    def wait(self, wanted: Mapping[Lane, Sequence[Probe[Any]]], until: float) -> None:
        """Take in answers until these lanes are done, or this moment of `time.monotonic()` has come."""
        self.listen(wanted, until)
        for lane, probes in wanted.items():
            if self._awaited(lane):
                self._fail(lane, probes, lane.server.http.timed_out())

    def listen(self, lanes: Collection[Lane], until: float, enough: Callable[[], bool] = lambda: False) -> None:
        """The same, but who has not answered by then may still do so; it ends earlier when there is `enough`."""
        while any(self._awaited(lane) for lane in lanes) and not enough():
            try:
                self._take(self._arrived.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break

    def _make_room(self) -> None:
        """Wait until few lanes are running, but not long: those that hang must not hold up the others."""
        if not self._has_room():
            self.listen(list(self._busy), time.monotonic() + ROOM_SECONDS, enough=self._has_room)

    def _has_room(self) -> bool:
        return sum(run == self._run for run, _ in self._busy.values()) < MOST_AT_ONCE

    def _start(self, lane: Lane, probes: Sequence[Probe[Any]]) -> None:
        name = f"{lane.server.target.name}-{probes[0].name}"
        try:
            self._workers.start(name, self._ask, self._run, lane, probes)
        except RuntimeError as error:
            self._fail(lane, probes, TargetError(f"not asked, because the Agent may not start a thread ({error})"))
        else:
            self._busy[lane] = (self._run, time.monotonic())

    def _awaited(self, lane: Lane) -> bool:
        """Whether this lane may still answer in this run."""
        return lane in self._busy and (lane.keeps or self._busy[lane][0] == self._run)

    def _fail(self, lane: Lane, probes: Sequence[Probe[Any]], error: TargetError) -> None:
        """Silence is a failure, but not of a lane that has time until the next run."""
        if not lane.keeps:
            self._put(lane, probes, Failure(error))

    def _fail_overdue(self, lane: Lane, probes: Sequence[Probe[Any]]) -> None:
        """No lane has longer than its target's patience, not even one that keeps."""
        _, started = self._busy[lane]
        if lane.keeps and time.monotonic() > started + lane.server.http.patience + GRACE_SECONDS:
            self._put(lane, probes, Failure(lane.server.http.timed_out()))

    def _put(self, lane: Lane, probes: Sequence[Probe[Any]], failure: Failure) -> None:
        for probe in probes:
            if self._answers.of(lane.server.target, probe) is None:
                self._answers.put(lane.server.target, probe, failure)

    def _take(self, arrival: tuple[int, Lane, Probe[Any] | None, Any]) -> None:
        run, lane, probe, answer = arrival
        if probe is None:
            del self._busy[lane]
        elif lane.keeps or run == self._run:
            self._answers.put(lane.server.target, probe, answer)

    def _ask(self, run: int, lane: Lane, probes: Sequence[Probe[Any]]) -> None:
        lane.server.http.begin(time.monotonic() + lane.server.http.patience)
        down: Failure | None = None
        for probe in probes:
            answer = down or _answer(probe, lane.server)
            if isinstance(answer, Failure) and isinstance(answer.error, Down):
                down = answer
            self._arrived.put((run, lane, probe, answer))
        self._arrived.put((run, lane, None, None))


def _answer(probe: Probe[Any], server: Server) -> Any:
    """What the server answers; whatever goes wrong becomes a `Failure`."""
    try:
        return probe.ask(server)
    except TargetError as error:
        return Failure(error)
    except Exception as error:  # noqa: BLE001 - a mistake of ours must not pass for a hung member
        return Failure(TargetError(f"the check itself failed with {type(error).__name__}; please report it ({error})"))
