"""Programs that PyPI does not have: made once, kept outside the clone, shared by all clones."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Make = Callable[[Path, Path], None]
"""Fills the second folder, and may leave what it likes in the first, which goes away."""


def say(text: str) -> None:
    """Tell whoever waits for a download or a build how far it is."""
    print(text, flush=True)  # noqa: T201 - progress of a command


def root() -> Path:
    """`ETCD_LATENCY_CACHE` when it is set, else our folder where programs of this user keep such things."""
    chosen = os.environ.get("ETCD_LATENCY_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(shared).expanduser().absolute() / "etcd_latency"


def kept(name: str, make: Make) -> Path:
    """The folder `name` of the cache, made now when it is not there.

    It gets its name when it is complete: what an interrupted run leaves behind is not taken for it.
    Whoever else wants it in the meantime waits.
    """
    folder = root() / name
    if folder.is_dir():
        return folder
    root().mkdir(parents=True, exist_ok=True)
    with _alone(name):
        if not folder.is_dir():
            _make(folder, make)
    return folder


def _make(folder: Path, make: Make) -> None:
    mark = f".{folder.name}-"
    for leftover in folder.parent.glob(f"{mark}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=mark, dir=folder.parent) as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        make(Path(scratch), made)
        made.rename(folder)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold the lock of this name; the kernel lets go of it when its holder ends, however it ends."""
    with (root() / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another program is making it; waiting ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
