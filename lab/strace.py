"""A slow disk: strace holds back every sync of a process, which is all that etcd notices of its disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.debian import Release
from lab.process import LabError, Process
from lab.recipes import Recipe

SYNCS = "fsync,fdatasync"
ATTACH_SECONDS = 30.0
INSTALL = "apt-get install strace"


def _fetch(scratch: Path, made: Path) -> None:
    system = scratch / "system"
    Release("bookworm", scratch).unpack(["strace", "libunwind8", "liblzma5"], system)
    for file in (system / "usr/bin/strace", *system.glob("**/*.so.*")):
        shutil.move(file, made)


STRACE = Recipe(
    folder="strace-bookworm",
    what="strace of Debian bookworm",
    fetch="make demo FAULT=slow-disk",
    make=_fetch,
)


@contextmanager
def slow_syncs(pid: int, seconds: float, file: Path | None = None) -> Iterator[None]:
    """Let every sync of a process take so much longer, or of one of its files only.

    When the block begins, all threads of the process are held to it; when it ends, none is.
    """
    with tempfile.TemporaryDirectory(prefix="etcd-latency-strace-") as folder:
        tracer = Process([*command(), *_options(pid, seconds, file)], Path(folder, "log"))
        try:
            _wait_until_attached(pid, tracer)
            yield
        finally:
            tracer.kill()  # the kernel lets go of what it held


def command() -> list[str]:
    """What starts strace: the system's own, else the one of the cache, with the libraries that came with it."""
    installed = shutil.which("strace")
    if installed:
        return [installed]
    try:
        folder = STRACE.made()
    except LabError as error:
        raise LabError(f"strace is not here and cannot be fetched: {INSTALL} ({error})") from None
    return ["env", f"LD_LIBRARY_PATH={folder}", str(folder / "strace")]


def _options(pid: int, seconds: float, file: Path | None) -> list[str]:
    one_file = [f"--trace-path={file}"] if file else []
    delay = f"--inject={SYNCS}:delay_enter={seconds * 1e6:.0f}"
    return [f"--attach={pid}", "--follow-forks", "-qq", *one_file, f"--trace={SYNCS}", delay, f"--output={os.devnull}"]


def _wait_until_attached(pid: int, tracer: Process) -> None:
    give_up = time.monotonic() + ATTACH_SECONDS
    while not _traced(pid, tracer.pid):
        if not tracer.running:
            raise LabError(
                "strace could not slow the disk of another process, for which it needs to be root, "
                f"or to be allowed to trace (kernel.yama.ptrace_scope=0): {tracer.log_extract()}"
            )
        if time.monotonic() > give_up:
            raise LabError(f"strace has not got hold of process {pid} after {ATTACH_SECONDS:g} s")
        time.sleep(0.02)


def _traced(pid: int, tracer: int) -> bool:
    """Whether the kernel has this tracer down for every thread; one that ended meanwhile is none any more."""
    mark = f"\nTracerPid:\t{tracer}\n"
    try:
        return all(mark in (thread / "status").read_text() for thread in Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False
