"""Go programs from source packages, without modules: nothing is fetched while they are built.

Debian's Go runs from any folder, and the sources of its packages lie as Go's old workspaces want them.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.cache import say
from lab.process import LabError, output

PACKAGES_A_LINE = 200
LAST_WORDS = 20
INSTALL = "it should have come with the packages: remove the cache and fetch again"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Go of some version, and sources below `workspace/src`."""

    go: Path
    """Its GOROOT."""
    workspace: Path
    scratch: Path
    """For what Go keeps while it builds."""

    def build(self, *programs: str, into: Path, stamps: Mapping[str, str] | None = None) -> None:
        """Compile programs, named as Go imports them; `stamps` sets variables, as version numbers are."""
        stamped = " ".join(f"-X {variable}={value}" for variable, value in (stamps or {}).items())
        expected = len(self.run("go", "list", "-deps", *programs).split())
        command = ["build", "-v", "-o", f"{into}/", "-ldflags", f"-s -w {stamped}", *programs]
        _follow([self._tool("go"), *command], self._environment(), expected)

    def run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        """What Go, or a program made here, prints."""
        return output([self._tool(program), *arguments], INSTALL, cwd=cwd, env=self._environment())

    def _tool(self, program: str) -> str:
        return str(self.go / "bin" / "go") if program == "go" else program

    def _environment(self) -> dict[str, str]:
        """Without anything that the user's own Go is set to."""
        own = {
            "GOROOT": self.go,
            "GOPATH": self.workspace,
            "GOCACHE": self.scratch / "go-build",
            "GO111MODULE": "off",
            "GOENV": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GO", "CGO"))}
        return kept | {name: str(value) for name, value in own.items()}


def _follow(command: Sequence[str], environment: Mapping[str, str], expected: int) -> None:
    """Run a build that names each package on a line of its own, and say how far it is."""
    last: deque[str] = deque(maxlen=LAST_WORDS)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        for number, line in enumerate(build.stderr or (), 1):
            last.append(line)
            if number % PACKAGES_A_LINE == 0:
                say(f"  {number} of about {expected} packages")
    if build.returncode:
        raise LabError(f"go build failed; its last words:\n{''.join(last)}")
