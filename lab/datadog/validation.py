"""What Datadog's own `ddev validate` says of what an integration shows to it: `python -m lab.datadog.validation`.

It looks at a repository of integrations, so it is given one, of links to this project's files. Left out are
its validations that pass whatever they are given, and `config`, which without a spec.yaml asks for types
that were in use before those of today's examples.

Exit codes: 0; 1 when it complains, or looked at nothing; 75 when it cannot be had here, which says
nothing about this project.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.cache import kept, say
from lab.process import LabError, output

NAME = "etcd_latency"
DDEV = "20.1"
PYTHON = (3, 13)
CHOSEN = "ETCD_LATENCY_PYTHON313"
INSTALL = f"install Python 3.13, for example with pyenv, or set {CHOSEN} to its path"

PACKAGE = f"datadog_checks/{NAME}"
LINKS = {
    "manifest.json": "manifest.json",
    # Without it beside the manifest, whatever the manifest says, the validation of metadata passes unseen.
    "metadata.csv": "assets/metadata.csv",
    "assets": "assets",
    "README.md": "README.md",
    "setup.py": "setup.py",
    f"{PACKAGE}/__init__.py": f"{PACKAGE}/__init__.py",
    f"{PACKAGE}/__about__.py": f"{PACKAGE}/__about__.py",
    f"{PACKAGE}/data/conf.yaml.example": "conf.yaml.example",
}
"""Where ddev looks, and what it is to find there."""

VALIDATIONS = {
    "metadata": r"Passed: 1",
    "service-checks": r"1 valid files",
    "dashboards": r"[1-9]\d* valid files",
    "readmes": r"All 1 READMEs are valid",
    "saved-views": r"All saved views are valid",
    "package": r"1 valid files",
}
"""What each says when it has looked at something and found it good."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one validation said."""

    passed: bool
    said: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate a project, by default the one in this folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.datadog.validation", description=__doc__)
    parser.add_argument("project", nargs="?", type=Path, default=Path())
    project = parser.parse_args(arguments).project
    try:
        ddev = environment()
        with tempfile.TemporaryDirectory() as folder:
            verdicts = list(_reported(ddev, project, Path(folder)))
    except LabError as error:
        say(f"validation: ddev cannot run here: {error}")
        return os.EX_TEMPFAIL
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _reported(python: Path, project: Path, folder: Path) -> Iterator[Verdict]:
    repository = wrapped(project.absolute(), folder)
    for name in VALIDATIONS:
        verdict = validate(python, repository, name)
        say(f"ddev validate {name}: {'passed' if verdict.passed else 'FAILED'}")
        if not verdict.passed:
            say("\n".join(f"    {line}" for line in verdict.said.splitlines()) or "    it said nothing")
        yield verdict


def wrapped(project: Path, folder: Path) -> Path:
    """A repository of integrations below the folder, in which the project is the only one."""
    repository = folder / "repository"
    for name, target in LINKS.items():
        link = repository / NAME / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(project / target)
    output(["git", "init", "--quiet", str(repository)], "install git", env=_surroundings(repository))
    return repository


def validate(python: Path, repository: Path, name: str) -> Verdict:
    """Run one validation; one that says nothing of having looked at anything has failed."""
    command = [str(python), "-m", "ddev", "--no-interactive", "--here", "validate", name, NAME]
    done = subprocess.run(
        command,
        cwd=repository,
        env=_surroundings(repository),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # Where ddev itself fails it draws a box with its traceback; the line below it says what is wrong.
    lines = [line for line in done.stdout.splitlines() if line.strip() and line[0] not in "╭│╰"]
    looked = re.search(VALIDATIONS[name], done.stdout)
    return Verdict(passed=done.returncode == 0 and looked is not None, said="\n".join(lines))


def _surroundings(repository: Path) -> Mapping[str, str]:
    """An environment in which ddev keeps what it keeps beside the repository, and is not told that it runs in a CI."""
    home = repository.parent / "home"
    home.mkdir(exist_ok=True)
    config = home / "ddev.toml"
    config.write_text("upgrade_check = false\n", encoding="utf-8")
    own = {
        "HOME": home,
        "XDG_CACHE_HOME": home / "cache",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "data",
        "DDEV_CONFIG": config,
        "COLUMNS": "160",
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DDEV_", "GITHUB_", "GIT_"))}
    return inherited | {key: str(value) for key, value in own.items()}


def environment() -> Path:
    """The Python of an environment with ddev in it, made once (500 MB)."""
    return kept(f"ddev-{DDEV}", _make) / "bin/python"


def _make(_: Path, folder: Path) -> None:
    python = python313()
    say(f"Installing ddev {DDEV} with {python} (some minutes, once) ...")
    output([str(python), "-m", "venv", str(folder)], INSTALL)
    output([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", f"ddev=={DDEV}.*"], INSTALL)


def python313() -> Path:
    """A Python 3.13: the one that was chosen, or the first that is found here and works."""
    chosen = os.environ.get(CHOSEN)
    if chosen:
        if not _is_313(Path(chosen)):
            raise LabError(f"{CHOSEN}={chosen} is no Python 3.13: {INSTALL}")
        return Path(chosen)
    for candidate in _candidates():
        if _is_313(candidate):
            return candidate
    raise LabError(f"there is no Python 3.13 here: {INSTALL}")


def _candidates() -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder, "python3.13")
    pyenv = os.environ.get("PYENV_ROOT") or "~/.pyenv"
    yield from sorted(Path(pyenv).expanduser().glob("versions/3.13*/bin/python3.13"))


def _is_313(python: Path) -> bool:
    """pyenv puts a program of this name on the path, which fails unless a 3.13 is chosen."""
    if not os.access(python, os.X_OK):
        return False
    question = "import sys; print(sys.version_info[:2])"
    told = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=False)
    return told.stdout.strip() == str(PYTHON)


if __name__ == "__main__":
    sys.exit(main())
