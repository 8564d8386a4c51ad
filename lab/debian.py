"""Packages of Debian releases, had without root and without touching the packages of this system.

apt gets a state of its own for each release: lists, cache and sources, in a folder that goes away. The
mirror is one of those that this system's apt uses; Debian's signatures are verified all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lab.process import LabError, output

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
MIRROR = "ETCD_LATENCY_DEBIAN_MIRROR"
INSTALL = "fetching programs takes the tools of Debian or Ubuntu, apt and dpkg"
ENGLISH = os.environ | {"LC_ALL": "C"}


class Release:
    """One release of Debian, for example `trixie`, as its archive is now."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder / f"apt-{name}"
        for part in ("lists/partial", "cache/archives/partial"):
            (self._folder / part).mkdir(parents=True)
        # No package counts as installed, so that what a package needs is told in full.
        self._status = self._folder / "status"
        self._status.touch()
        self._sources = self._folder / "sources.list"
        self._find_mirror()

    def version(self, package: str) -> str:
        """The version that this release has of a binary package."""
        for line in self._run("apt-cache", "show", "--no-all-versions", package).splitlines():
            if line.startswith("Version: "):
                return line.removeprefix("Version: ")
        raise LabError(f"Debian {self.name} has no package {package}")

    def needs(self, *packages: str) -> list[str]:
        """The names of packages and of all that they need."""
        plan = self._run("apt-get", "--simulate", "--no-install-recommends", "install", *packages)
        return [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]

    def unpack(self, packages: Iterable[str], into: Path) -> None:
        """Download binary packages and lay their files out below a folder, as below /."""
        folder = self._folder / "packages"
        folder.mkdir(exist_ok=True)
        self._run("apt-get", "download", *packages, cwd=folder)
        for package in sorted(folder.glob("*.deb")):
            output(["dpkg-deb", "--extract", str(package), str(into)], INSTALL)
            package.unlink()

    def source(self, package: str) -> Path:
        """Download a source package; the folder that holds its files."""
        folder = self._folder / "sources"
        folder.mkdir(exist_ok=True)
        self._run("apt-get", "source", "--download-only", package, cwd=folder)
        return folder

    def _find_mirror(self) -> None:
        """Of the archives that this system uses, take the first that has this release, signed by Debian."""
        keys, reasons = keyring(), []
        for mirror in mirrors():
            self._sources.write_text(
                f"deb [signed-by={keys} target=Packages] {mirror} {self.name} main\n"
                f"deb-src [signed-by={keys} target=Sources] {mirror} {self.name} main\n"
            )
            try:
                self._run("apt-get", "update")
            except LabError as error:
                reasons.append(str(error))
            else:
                return
        raise LabError(
            f"Debian {self.name} is at none of the {len(reasons)} package archives that apt uses here: "
            f"set {MIRROR} to the address of a Debian mirror ({reasons[0]})"
        )

    def _run(self, tool: str, *arguments: str, cwd: Path | None = None) -> str:
        settings = {
            "Dir::State": self._folder,
            "Dir::State::lists": self._folder / "lists",
            "Dir::State::status": self._status,
            "Dir::State::extended_states": self._folder / "extended_states",
            "Dir::Cache": self._folder / "cache",
            "Dir::Etc::sourcelist": self._sources,
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Update::Error-Mode": "any",
            # Root's apt would hand the downloads to a user that may not enter this folder.
            "APT::Sandbox::User": "root",
        }
        options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        return output([tool, "--quiet", *options, *arguments], INSTALL, cwd=cwd, env=ENGLISH)


def mirrors() -> list[str]:
    """Where this system gets its packages from, each once; one of them should be a Debian archive."""
    chosen = os.environ.get(MIRROR)
    if chosen:
        return [chosen]
    targets = output(["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI)"], INSTALL)
    found = list(dict.fromkeys(targets.split()))
    if not found:
        raise LabError(f"apt has no package archive configured here: set {MIRROR} to the address of a Debian mirror")
    return found


def keyring() -> Path:
    """The keys with which Debian signs its archive."""
    for path in KEYRINGS:
        if path.exists():
            return path
    raise LabError(f"{KEYRINGS[0]} is missing: install the package debian-archive-keyring")
