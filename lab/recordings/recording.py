"""What the servers of a cluster answered to the check, run after run: kept in a file, and read back.

A file holds what is needed to ask again without the cluster: the instance of the check, its certificates (no
keys), and for each question to each server what was answered in each run.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.process import LabError
from lab.recordings.columns import packed, unpacked

FOLDER = Path("tests/fixtures/recordings")
SUFFIX = ".json.xz"
FORMAT = 1
PACE = 15.0
"""Seconds between two runs of the check in the Agent, unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said to one question, or the error in its place."""

    body: str = ""
    status: int = 200
    phrase: str = ""
    seconds: float = 0.0
    error: str = ""
    """The class of `etcd_latency.errors`; its message is the body."""

    @property
    def kind(self) -> tuple[int, str, str]:
        """All but what may differ from run to run."""
        return self.status, self.phrase, self.error


@dataclass(slots=True)
class Recording:
    """The answers to all questions; a question is `member https://... get https://.../health`."""

    name: str
    made_by: str
    """The command."""
    versions: tuple[str, ...]
    """Of the members of etcd."""
    began: float
    """By the wall clock, in seconds."""
    spacing: float
    """Seconds between two runs."""
    instance: Mapping[str, Any]
    certificates: Mapping[str, str]
    """The PEM files that the instance names, by their options."""
    story: list[tuple[int, str]] = field(default_factory=list)
    """What happened before a run, by its number."""
    runs: int = 0
    answers: dict[str, dict[int, Answer]] = field(default_factory=dict)
    """By question, then by run."""
    pace: float = PACE
    """Seconds that are between two runs in a replay."""

    def say(self, text: str) -> None:
        """Something happens before the next run."""
        self.story.append((self.runs, text))

    def put(self, question: str, answer: Answer) -> None:
        """An answer of this run."""
        self.answers.setdefault(question, {})[self.runs] = answer

    def newest(self, question: str, run: int, runs: int) -> Answer | None:
        """What was answered in this run, or last in so many before it: a replay may ask more often."""
        answers = self.answers.get(question, {})
        earliest = max(0, run - runs)
        return next((answers[number] for number in range(run, earliest - 1, -1) if number in answers), None)

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        head = asdict(self) | {"answers": {question: _packed(answers) for question, answers in self.answers.items()}}
        text = json.dumps({"format": FORMAT, **head}, separators=(",", ":"), sort_keys=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(text.encode(), preset=6 | lzma.PRESET_EXTREME))


def path_to(name: str, folder: Path = FOLDER) -> Path:
    """Where the recording of this name is kept."""
    return folder / f"{name}{SUFFIX}"


def read(path: Path) -> Recording:
    """A recording that was kept in a file."""
    try:
        fields = json.loads(lzma.decompress(path.read_bytes()))
    except (OSError, ValueError, lzma.LZMAError) as error:
        raise LabError(f"{path} is no recording that can be read ({error}); run make recordings") from None
    if fields.pop("format") != FORMAT:
        raise LabError(f"{path} has another format than this version of the lab; run make recordings")
    answers = {question: _unpacked(kept) for question, kept in fields.pop("answers").items()}
    story = [(number, text) for number, text in fields.pop("story")]
    return Recording(**fields | {"versions": tuple(fields["versions"])}, story=story, answers=answers)


def _packed(answers: Mapping[int, Answer]) -> dict[str, Any]:
    """Columns of what changes; the seconds are told to the millisecond."""
    kinds = sorted({answer.kind for answer in answers.values()})
    return {
        "runs": packed(map(str, answers)),
        "kinds": kinds,
        "kind": packed(str(kinds.index(answer.kind)) for answer in answers.values()),
        "seconds": packed(f"{answer.seconds:.3f}".rstrip("0").rstrip(".") for answer in answers.values()),
        "bodies": packed(answer.body for answer in answers.values()),
    }


def _unpacked(kept: Mapping[str, Any]) -> dict[int, Answer]:
    rows = zip(*(unpacked(kept[part]) for part in ("runs", "kind", "seconds", "bodies")), strict=True)
    found = {}
    for run, kind, seconds, body in rows:
        status, phrase, error = kept["kinds"][int(kind)]
        found[int(run)] = Answer(body, status, phrase, float(seconds), error)
    return found
