"""A recording, played to the real check: it asks, and hears what real servers answered.

Only `etcd_latency.client` is replaced, which is where the check ends and HTTP begins; and the clock, which goes
from run to run by as much as the replay pretends, whatever was between them when they were recorded. Within a run it
hardly goes on, and nobody is given up: what comes out is the same on every machine, however busy it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from etcd_latency import errors, schedule, survey
from etcd_latency.client import Client
from etcd_latency.errors import TimedOut
from etcd_latency.model import Page, Reply, Target
from etcd_latency.standalone import Run, prepare, run
from lab.process import LabError
from lab.recordings.record import path_of
from lab.recordings.recording import Answer, Recording

PATIENCE_SECONDS = 60.0
PATIENT = {"timeout": PATIENCE_SECONDS}
"""Options of the check: a recording answers at once, but this machine may be busy with other things."""
MOMENT_SECONDS = 1e-6
STALE_RUNS = 4
"""What was asked less often than that had no answer."""


class Tape:
    """A recording at one of its runs."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.run = 0

    def answer(self, target: Target, question: str, *, lasting: bool = False) -> Answer:
        """What was said to a question; raises the `TargetError` that came instead."""
        key = f"{target.kind} {target.url} {question}"
        answer = self.recording.newest(key, self.run, self.recording.runs if lasting else STALE_RUNS)
        if answer is None:
            raise TimedOut("no answer in this run of the recording")
        if answer.error:
            raise getattr(errors, answer.error)(answer.body)
        return answer


class Player(Client):
    """Answers from a recording."""

    def __init__(self, tape: Tape, target: Target, options: Mapping[str, Any], **rest: Any) -> None:
        self._tape = tape
        super().__init__(target, options, **rest)

    def page(self) -> Page:
        answer = self._tape.answer(self.target, "page")
        sink = self._sink()
        sink.feed(answer.body.encode())
        return self._digest(Page(sink.finish(), answer.phrase, sink.size, time.monotonic(), answer.seconds))

    def get(self, url: str) -> Reply:
        return _reply(self._tape.answer(self.target, f"get {path_of(url)}"))

    def post(self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:  # noqa: ARG002 - who asks changes no answer here
        return _reply(self._tape.answer(self.target, f"post {path_of(url)} {sorted(payload.items())}"))

    def served_certificate(self, url: str) -> bytes | None:  # noqa: ARG002 - there is one of each server
        answer = self._tape.answer(self.target, "certificate", lasting=True)
        return bytes.fromhex(answer.body) or None


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, answer.phrase, None, answer.body.encode(), answer.seconds, warm=True)


class Clock:
    """The time of a replay, in seconds since 1970: it jumps between runs, and within one goes on when it is looked at.

    By next to nothing, however long the run takes; but what it ends with is later than what it begins with.
    """

    def __init__(self, began: float) -> None:
        self._due = self._now = began

    def tick(self, seconds: float) -> float:
        """Be so much later than at the last tick; gives the time."""
        self._due = self._now = self._due + seconds
        return self._due

    def now(self) -> float:
        """For all clocks that the check looks at."""
        self._now += MOMENT_SECONDS
        return self._now


@contextmanager
def playing(recording: Recording) -> Iterator[Iterator[tuple[float, Run]]]:
    """What the check submits in each run of a recording, with the time that the replay pretends.

    A recording whose runs were closer than its pace is stretched: what happened in a second counts for 15, say.
    """
    tape, clock = Tape(recording), Clock(recording.began)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="etcd-latency-replay-")))
        stack.enter_context(patch.object(schedule, "Client", partial(Player, tape)))
        stack.enter_context(patch.object(survey, "LINGER_SECONDS", PATIENCE_SECONDS))
        stack.enter_context(patch.object(time, "time", clock.now))
        stack.enter_context(patch.object(time, "monotonic", clock.now))
        checks = prepare({}, [_instance(recording, folder)])
        yield _runs(tape, clock, lambda: run(checks))


def _runs(tape: Tape, clock: Clock, once: Callable[[], Run]) -> Iterator[tuple[float, Run]]:
    for number in range(tape.recording.runs):
        tape.run = number
        yield clock.tick(tape.recording.pace if number else 0.0), once()


def _instance(recording: Recording, folder: Path) -> dict[str, Any]:
    """The instance of the recording, with its certificates in files again; a key is not needed to hear answers."""
    files = {}
    for option, text in recording.certificates.items():
        path = folder / option
        path.write_text(text)
        files[option] = str(path)
    unknown = [option for option in files if option not in recording.instance]
    if unknown:
        raise LabError(f"the recording {recording.name} has a certificate for no option: {', '.join(unknown)}")
    blocks = {option: value | PATIENT for option, value in recording.instance.items() if isinstance(value, dict)}
    return dict(recording.instance) | blocks | PATIENT | files
