"""A recording is kept in a file as it is, tells what was last answered, and gives the check no more than was said."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_latency.errors import Refused, TargetError, TimedOut
from etcd_latency.model import Target
from lab.process import LabError
from lab.recordings import recording as recordings
from lab.recordings.columns import PLACE
from lab.recordings.excerpt import excerpt
from lab.recordings.recording import Answer, Recording, read
from lab.recordings.replay import Tape
from tests.conftest import recorded

TEXT = st.text(st.characters(exclude_characters=PLACE, codec="utf-8"), max_size=12)
ANSWERS = st.builds(
    Answer,
    body=TEXT,
    status=st.sampled_from([200, 429, 503]),
    phrase=TEXT,
    seconds=st.integers(0, 10**6).map(lambda number: number / 1000),
    error=st.sampled_from(["", "TimedOut"]),
)
"""The seconds of an answer are kept to the millisecond."""

URL = "https://10.0.0.1:2379"
TARGET = Target("etcd-1", URL, f"{URL}/metrics", ())
PAGE = f"member {URL} page"


def made(**options: object) -> Recording:
    """A recording without runs."""
    fields = {
        "name": "well",
        "made_by": "a test",
        "versions": ("3.5.16",),
        "began": 1.75e9,
        "spacing": 1.0,
        "instance": {"cluster": "lab", "members": [URL]},
        "certificates": {},
    }
    return Recording(**fields | options)  # type: ignore[arg-type] - a row of plain values


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings") / "deep" / "well.json.xz"


@settings(max_examples=30)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), ANSWERS), max_size=6))
def test_round_trip(path: Path, runs: list[dict[str, Answer]]) -> None:
    """All answers of all runs are the same when they are read, and so is what is told of them."""
    recording = made(pace=60.0)
    for answers in runs:
        recording.say("on we go")
        for question, answer in answers.items():
            recording.put(question, answer)
        recording.runs += 1
    recording.write(path)
    assert read(path) == recording


def test_page(path: Path) -> None:
    """A real page comes back to the letter, hours of it."""
    page = excerpt(recorded("etcd-3.5.16/m1-leader-load").decode())
    recording = made()
    for number in range(20):
        recording.put(PAGE, Answer(page.replace("etcd_server_has_leader 1", f"etcd_server_has_leader {number % 2}")))
        recording.runs += 1
    recording.write(path)
    assert "etcd_server_has_leader 1\n" in page
    assert read(path).answers == recording.answers


@pytest.mark.parametrize(
    ("run", "runs", "body"), [(0, 0, "a"), (2, 4, "a"), (3, 0, "b"), (9, 4, None), (9, 6, "b"), (9, 99, "b")]
)
def test_newest(run: int, runs: int, body: str | None) -> None:
    """A question that was asked in some runs only has the answer of the last of so many before."""
    recording = made()
    recording.answers["q"] = {0: Answer("a"), 3: Answer("b")}
    found = recording.newest("q", run, runs)
    assert (found.body if found else None) == body


def test_errors() -> None:
    """What failed fails again, in the same words; what was not answered at all has timed out."""
    recording = made()
    recording.put(PAGE, Answer("connection refused", error="Refused"))
    recording.runs = 20
    tape = Tape(recording)
    with pytest.raises(Refused, match=r"^connection refused$"):
        tape.answer(TARGET, "page")
    tape.run = 10
    with pytest.raises(TimedOut):
        tape.answer(TARGET, "page")
    with pytest.raises(TargetError):
        tape.answer(TARGET, "page", lasting=True)


@pytest.mark.parametrize(
    "content", [None, b"", b"no archive", lzma.compress(b"no json")], ids=["missing", "empty", "other", "no-json"]
)
def test_no_recording(tmp_path: Path, content: bytes | None) -> None:
    """A file that is none is named, with what to do."""
    broken = tmp_path / "broken.json.xz"
    if content is not None:
        broken.write_bytes(content)
    with pytest.raises(LabError, match=r"broken\.json\.xz is no recording .*; run make recordings$"):
        read(broken)


def test_other_format(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another version of the lab says so."""
    made().write(path)
    monkeypatch.setattr(recordings, "FORMAT", recordings.FORMAT + 1)
    with pytest.raises(LabError, match="another format than this version of the lab"):
        read(path)
