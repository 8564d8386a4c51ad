"""What stands between this project and ddev, which itself runs in `python -m lab.datadog.validation` only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.datadog import validation
from lab.datadog.validation import VALIDATIONS, Verdict, main, python313, validate, wrapped
from lab.process import LabError

ROOT = Path(__file__).parent.parent
GOOD = {
    "metadata": "Metrics validation\n\nPassed: 1",
    "service-checks": "Validating service_checks.json files for 1 checks ...\n1 valid files",
    "dashboards": "Validating Dashboard definition files for 1 checks...\n2 valid files",
    "readmes": "All 1 READMEs are valid!",
    "saved-views": "Validating saved views for 1 checks ...\nAll saved views are valid!",
    "package": "Validating files for 1 checks ...\n1 valid files",
}
"""What ddev 20.1 says of this project."""


def program(path: Path, script: str) -> Path:
    """A shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Python 3.13 and no ddev of this machine."""
    monkeypatch.delenv(validation.CHOSEN, raising=False)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("ETCD_LATENCY_CACHE", str(tmp_path / "cache"))


def test_ddev_is_shown_the_files_of_the_project(tmp_path: Path) -> None:
    """At the places where it looks for them, each one there."""
    repository = wrapped(ROOT, tmp_path)
    found = {
        str(path.relative_to(repository)) for path in (repository / "etcd_latency").rglob("*") if path.is_symlink()
    }
    assert found == {f"etcd_latency/{name}" for name in validation.LINKS}
    assert all((repository / name).exists() for name in found)
    assert (repository / "etcd_latency/metadata.csv").read_text().startswith("metric_name,")
    assert (repository / ".git").is_dir()


@pytest.mark.parametrize("name", VALIDATIONS)
def test_a_validation_passes_when_it_says_what_it_looked_at(tmp_path: Path, name: str) -> None:
    python = program(tmp_path / "python", f"cat <<'END'\n{GOOD[name]}\nEND")
    assert validate(python, wrapped(ROOT, tmp_path), name).passed


@pytest.mark.parametrize(
    ("name", "script", "said"),
    [
        ("metadata", "echo Metrics validation; echo", "Metrics validation"),
        ("metadata", "echo Passed: 1; echo Errors: 1; exit 1", "Passed: 1\nErrors: 1"),
        ("dashboards", "echo 0 valid files", "0 valid files"),
        ("readmes", "echo All 0 READMEs are valid!", "All 0 READMEs are valid!"),
        (
            "saved-views",
            "echo '╭─ Traceback'; echo '│ code'; echo '╰──'; echo KeyError: type >&2; exit 1",
            "KeyError: type",
        ),
        ("package", "", ""),
    ],
)
def test_a_validation_that_looked_at_nothing_has_failed(tmp_path: Path, name: str, script: str, said: str) -> None:
    """ddev ends well, too, when it did not find what it was to validate."""
    python = program(tmp_path / "python", script)
    assert validate(python, wrapped(ROOT, tmp_path), name) == Verdict(passed=False, said=said)


def test_ddev_keeps_to_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes nothing into the user's home, and what a CI or the user sets for it has no say."""
    monkeypatch.setenv("DDEV_REPO", "core")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    python = program(tmp_path / "python", 'env | sort; echo "args: $*"; cat "$DDEV_CONFIG"')
    said = validate(python, wrapped(ROOT, tmp_path), "metadata").said.splitlines()
    assert {
        f"HOME={tmp_path}/home",
        f"XDG_DATA_HOME={tmp_path}/home/data",
        f"XDG_CACHE_HOME={tmp_path}/home/cache",
    } <= set(said)
    assert [line for line in said if line.startswith(("DDEV_", "GITHUB_"))] == [
        f"DDEV_CONFIG={tmp_path}/home/ddev.toml"
    ]
    assert "args: -m ddev --no-interactive --here validate metadata etcd_latency" in said
    assert said[-1] == "upgrade_check = false"


def python(folder: Path, version: str) -> Path:
    """Something that says it is this Python."""
    return program(folder / "python3.13", f"echo '({version})'")


def test_the_python_that_is_chosen_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any that is found."""
    chosen = python(tmp_path / "chosen", "3, 13")
    monkeypatch.setenv("PATH", f"{python(tmp_path / 'found', '3, 13').parent}:{os.environ['PATH']}")
    monkeypatch.setenv(validation.CHOSEN, str(chosen))
    assert python313() == chosen


@pytest.mark.parametrize("version", ["3, 12", None])
def test_a_chosen_python_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    """No other takes its place."""
    chosen = python(tmp_path / "chosen", version) if version else tmp_path / "nothing"
    monkeypatch.setenv(validation.CHOSEN, str(chosen))
    with pytest.raises(LabError, match=f"^{validation.CHOSEN}={chosen} is no Python 3.13: install Python 3.13"):
        python313()


def test_a_name_on_the_path_that_runs_no_python_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pyenv's, where another version is the chosen one: its own folder has it nevertheless."""
    shim = program(tmp_path / "shims/python3.13", "echo not found >&2; exit 127")
    real = python(tmp_path / "pyenv/versions/3.13.7/bin", "3, 13")
    monkeypatch.setenv("PATH", str(shim.parent))
    assert python313() == real


def test_without_python_313_there_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is this machine that lacks something, not the project."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == os.EX_TEMPFAIL
    said = capsys.readouterr().out
    assert said == (
        "validation: ddev cannot run here: there is no Python 3.13 here: install Python 3.13, "
        "for example with pyenv, or set ETCD_LATENCY_PYTHON313 to its path\n"
    )


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("cat {good}/$6", 0, "ddev validate metadata: passed\nddev validate service-checks: passed\n"),
        (
            "test $6 = readmes && exec echo no Overview; cat {good}/$6",
            1,
            "ddev validate readmes: FAILED\n    no Overview\n",
        ),
    ],
)
def test_each_validation_is_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    code: int,
    said: str,
) -> None:
    """The others run though one fails."""
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text)
    made = program(tmp_path / "python", script.format(good=tmp_path))
    monkeypatch.setattr(validation, "environment", lambda: made)
    assert main([str(ROOT)]) == code
    told = capsys.readouterr().out
    assert said in told
    assert told.count("ddev validate ") == len(VALIDATIONS)


def test_the_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cache, where the Python of the environment runs ddev: its programs would still name the folder it had."""
    commands: list[list[str]] = []

    def made(command: list[str], _: str) -> str:
        commands.append(command)
        return ""

    monkeypatch.setenv(validation.CHOSEN, str(python(tmp_path, "3, 13")))
    monkeypatch.setattr(validation, "output", made)
    assert validation.environment() == tmp_path / "cache/ddev-20.1/bin/python"
    assert validation.environment() == tmp_path / "cache/ddev-20.1/bin/python"
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]
    assert commands[1][-1] == "ddev==20.1.*"
