"""A starved CPU: the kernel's quota for groups of processes, in the version of cgroups that this machine has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from lab.process import LabError

MOUNTS = Path("/proc/self/mounts")
PERIOD_MICROSECONDS = 100_000
"""The kernel's own default: a group that has used its quota waits for the rest of this."""
REMOVE_SECONDS = 30.0


class Hierarchy(NamedTuple):
    """Where the groups that have a quota are made, and what a quota is written into, by the name of the file."""

    root: Path
    quota: Callable[[int], Mapping[str, str]]


def _first_version(microseconds: int) -> Mapping[str, str]:
    return {"cpu.cfs_period_us": str(PERIOD_MICROSECONDS), "cpu.cfs_quota_us": str(microseconds)}


def _second_version(microseconds: int) -> Mapping[str, str]:
    return {"cpu.max": f"{microseconds} {PERIOD_MICROSECONDS}"}


@contextmanager
def cpu_quota(pid: int, share: float) -> Iterator[None]:
    """Give a process no more than this share of one CPU; when the block ends, it is back in its own group."""
    found = hierarchy()
    home = _home(pid, found.root)
    group = found.root / f"etcd-latency-lab-{pid}"
    try:
        try:
            group.mkdir()
            for file, text in found.quota(round(share * PERIOD_MICROSECONDS)).items():
                (group / file).write_text(text)
            _move(pid, group)
        except OSError as error:
            raise LabError(
                f"a CPU quota needs root and cgroups that can be written, which a container rarely has: {error}"
            ) from None
        yield
    finally:
        with suppress(OSError):  # it may have ended by itself
            _move(pid, home)
        _remove(group)


def hierarchy() -> Hierarchy:
    """The first mounted hierarchy that has the CPU to give out; an error where there is none."""
    for line in MOUNTS.read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        root = Path(folder)
        if kind == "cgroup" and "cpu" in options.split(","):
            return Hierarchy(root, _first_version)
        if kind == "cgroup2" and "cpu" in (root / "cgroup.subtree_control").read_text().split():
            return Hierarchy(root, _second_version)
    raise LabError("a CPU quota needs cgroups with the cpu controller, of which this machine has none mounted")


def _home(pid: int, root: Path) -> Path:
    """The group that a process is in, or the root where that is not to be seen, as in a container.

    Each line is `number:controllers:path`; the second version has no controllers there.
    """
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        home = root / path.lstrip("/")
        if "cpu" in controllers.split(",") or (not controllers and (root / "cgroup.controllers").exists()):
            return home if home.is_dir() else root
    return root


def _move(pid: int, group: Path) -> None:
    (group / "cgroup.procs").write_text(str(pid))


def _remove(group: Path) -> None:
    """A group whose last process is just ending stays busy for a moment."""
    give_up = time.monotonic() + REMOVE_SECONDS
    while group.exists():
        try:
            group.rmdir()
        except OSError as error:
            if time.monotonic() > give_up:
                raise LabError(f"{group} is still there and can be removed with rmdir: {error}") from None
            time.sleep(0.05)
