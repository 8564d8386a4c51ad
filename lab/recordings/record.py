"""`python -m lab.recordings.record NAME ...`: bring a fault about on a real cluster, and keep what the check is
answered. It is replayed by `lab.recordings.replay`, so that monitors are tried on what real servers said.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from etcd_latency import certificates, config, schedule, survey
from etcd_latency.client import Client
from etcd_latency.errors import TargetError
from etcd_latency.model import Page, Reply, Target
from etcd_latency.standalone import Run, prepare, run
from lab.cache import say
from lab.process import LabError
from lab.recordings.excerpt import excerpt
from lab.recordings.recording import FOLDER, Answer, Recording, path_to
from lab.recordings.scenarios import SCENARIOS, Scenario
from lab.recordings.stage import standing

MEMORY = "/dev/shm"  # noqa: S108 - folders with names that nobody can guess are made in it
"""A disk that is always fast, where there is one: so that what slows a member is its fault, not what else this
machine does. A slow disk is made by holding syncs back, which is the same there."""

LATE_SECONDS = 60.0
"""How long a run waits for a question whose time is over: each ends by itself then, and its error belongs to this run,
however busy this machine is."""

SECRETS = ("tls_private_key", "extra_headers")
STATUS = "post /v3/maintenance/status []"
OK = 200


class Recorder(Client):
    """Asks as the check does, and keeps what is answered."""

    def __init__(self, recording: Recording, target: Target, options: Mapping[str, Any], **rest: Any) -> None:
        digest = rest.pop("digest")
        self._keep = partial(_keep, recording, target)
        super().__init__(target, options, digest=partial(self._digested, digest), **rest)

    def page(self) -> Page:
        with self._failures("page"):
            return super().page()

    def get(self, url: str) -> Reply:
        with self._failures(f"get {path_of(url)}"):
            return self._kept(f"get {path_of(url)}", super().get(url))

    def post(self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        question = f"post {path_of(url)} {sorted(payload.items())}"
        with self._failures(question):
            return self._kept(question, super().post(url, payload, headers))

    def served_certificate(self, url: str) -> bytes | None:
        with self._failures("certificate"):
            shown = super().served_certificate(url)
            self._keep("certificate", Answer(body=shown.hex() if shown else ""))
            return shown

    def _digested(self, digest: Callable[[Page], Page], page: Page) -> Page:
        self._keep("page", Answer(excerpt(page.body.decode()), phrase=page.content_type, seconds=page.seconds or 0.0))
        return digest(page)

    def _kept(self, question: str, reply: Reply) -> Reply:
        self._keep(question, Answer(reply.body.decode(), reply.status, reply.phrase, reply.seconds))
        return reply

    @contextmanager
    def _failures(self, question: str) -> Iterator[None]:
        try:
            yield
        except TargetError as error:
            self._keep(question, Answer(body=str(error), error=type(error).__name__))
            raise


def _keep(recording: Recording, target: Target, question: str, answer: Answer) -> None:
    recording.put(f"{target.kind} {target.url} {question}", answer)


def path_of(url: str) -> str:
    """What of a URL is the same for all servers."""
    return re.sub(r"^https?://[^/]*", "", url)


def taken(recording: Recording, instance: Mapping[str, Any]) -> Callable[[], Run]:
    """What runs the check once, and keeps what it is answered."""
    with (
        patch.object(schedule, "Client", partial(Recorder, recording)),
        # As often as the replay will ask for them.
        patch.object(config, "CERTIFICATE_INTERVAL", config.CERTIFICATE_INTERVAL * recording.spacing / recording.pace),
    ):
        checks = prepare({}, [instance])

    def take() -> Run:
        with (
            patch.object(schedule, "Client", partial(Recorder, recording)),
            patch.object(survey, "GRACE_SECONDS", LATE_SECONDS),
        ):
            submitted = run(checks)
        recording.runs += 1
        return submitted

    return take


def certificates_of(instance: Mapping[str, Any]) -> dict[str, str]:
    """The PEM files of an instance but for its keys."""
    named = {option: instance[option] for option in certificates.FILE_OPTIONS if option in instance}
    return {option: Path(path).read_text() for option, path in named.items() if option != "tls_private_key"}


def recorded(name: str, scenario: Scenario) -> Recording:
    """Tell a scenario's story on a real cluster; takes as long as its runs and their spacing."""
    with _data_in(None if scenario.on_disk else MEMORY), standing(**scenario.stage) as stage:
        say(f"{name}: a cluster of etcd {stage.lab.version}; it warms up for {scenario.warm_up:g} s")
        time.sleep(scenario.warm_up)
        instance = stage.instance()
        recording = Recording(
            name=name,
            made_by=f"python -m lab.recordings.record {name}",
            versions=(stage.lab.version,),
            began=time.time(),
            spacing=scenario.spacing,
            instance=shown(instance),
            certificates=certificates_of(instance),
            pace=scenario.pace,
        )
        take = taken(recording, instance)
        _go_on(take, scenario.well, scenario.spacing)
        if scenario.fault:
            with scenario.fault(stage) as told:
                recording.say(told or scenario.says)
                say(f"{name}: run {recording.runs}: {recording.story[-1][1]}")
                _go_on(take, scenario.struck, scenario.spacing)
            recording.say("it is taken away")
            _go_on(take, scenario.again, scenario.spacing)
    recording.versions = versions_of(recording)
    return recording


def _data_in(folder: str | None) -> AbstractContextManager[object]:
    """Where members keep their data; None is where temporary files lie."""
    return patch.object(tempfile, "tempdir", folder) if folder and Path(folder).is_dir() else nullcontext()


def versions_of(recording: Recording) -> tuple[str, ...]:
    """What members said of themselves, in all runs."""
    asked = (answers for question, answers in recording.answers.items() if question.endswith(STATUS))
    said = (answer for answers in asked for answer in answers.values() if answer.status == OK and not answer.error)
    return tuple(sorted({json.loads(answer.body)["version"] for answer in said}))


def _go_on(take: Callable[[], Run], runs: int, spacing: float) -> None:
    due = time.monotonic()
    for _ in range(runs):
        take()
        due = max(due + spacing, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def shown(instance: Mapping[str, Any]) -> dict[str, Any]:
    """No key, no token, and no path of this machine: each file is called as its option is."""
    kept = {option: value for option, value in instance.items() if option not in SECRETS}
    named = {option: option for option in certificates.FILE_OPTIONS if option in kept}
    blocks = {option: _nested(value) for option, value in kept.items() if isinstance(value, dict)}
    return kept | named | blocks


def _nested(block: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in block.items() if option not in (*SECRETS, *certificates.FILE_OPTIONS)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Record what is named; returns the exit code: 0, or 1 when the lab could not do it."""
    parser = argparse.ArgumentParser(prog="python -m lab.recordings.record", description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=[*SCENARIOS, "all"], metavar="NAME", help=", ".join([*SCENARIOS, "or all"])
    )
    parser.add_argument("--into", type=Path, default=FOLDER, metavar="FOLDER", help=f"default: {FOLDER}")
    options = parser.parse_args(arguments)
    for name in SCENARIOS if "all" in options.names else options.names:
        path = path_to(name, options.into)
        try:
            recording = recorded(name, SCENARIOS[name])
        except LabError as error:
            say(f"record: {name}: {error}")
            return 1
        recording.write(path)
        say(f"{path}: {recording.runs} runs, {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
