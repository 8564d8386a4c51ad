"""The wheel as `agent integration install -w` takes it: built, installed alone, loaded as the Agent loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from etcd_latency import __version__, catalog

ROOT = Path(__file__).parent.parent
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
"""An environment in which nothing leads back to the source tree."""

LOADER = """
# What the Agent does with a check's name (pkg/collector/python/loader.go, rtloader/common/util.c): import the
# module, walk its names in order, take the classes of checks that have no subclass of their own.
import importlib, json, sys
from datadog_checks.base import AgentCheck

found = {}
for name in ("datadog_checks.etcd_latency", "etcd_latency"):
    module = importlib.import_module(name)
    leaves = [
        attribute
        for attribute in (getattr(module, entry) for entry in dir(module))
        if isinstance(attribute, type)
        and issubclass(attribute, AgentCheck)
        and attribute is not AgentCheck
        and not attribute.__subclasses__()
    ]
    instance = {"cluster": "prod", "members": ["https://10.0.0.1:2379"]}
    check = leaves[0]("etcd_latency", {}, [instance])
    check.run_check_initializations()
    found[name] = {
        "classes": [leaf.__name__ for leaf in leaves],
        "version": module.__version__,
        "check_version": check.check_version,
        "model": type(check._config_model_instance).__name__,
        "families": len(next(iter(check.scrapers.values())).metric_transformer.transformer_data),
        "file": module.__file__,
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree as `make wheel` does, where an earlier build left a module."""
    left = ROOT / "build/lib/etcd_latency/moved_since.py"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        env=CLEAN,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with our wheel installed alone, and base where an Agent has it: beside us.

    Its interpreter is returned. What base brings comes from this environment's packages, on the path behind
    its own, where nothing of the source tree is.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, env=CLEAN)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "agent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def test_the_agent_finds_one_class_under_both_names(environment: Path, tmp_path: Path) -> None:
    """Loaded from the wheel, either module gives exactly our class, with version, models and catalogue."""
    done = subprocess.run(
        [environment, "-c", LOADER], check=True, capture_output=True, text=True, cwd=tmp_path, env=CLEAN
    )
    found = json.loads(done.stdout)
    for name, facts in found.items():
        assert str(environment.parent.parent) in facts.pop("file"), name
        assert facts == {
            "classes": ["EtcdLatencyCheck"],
            "version": __version__,
            "check_version": __version__,
            "model": "InstanceConfig",
            "families": len(catalog.load("etcd").families),
        }, name


def test_the_command_is_installed(environment: Path, tmp_path: Path) -> None:
    """The wheel brings `etcd-latency`, and it runs."""
    command = environment.with_name("etcd-latency")
    done = subprocess.run([command, "--version"], check=True, capture_output=True, text=True, cwd=tmp_path, env=CLEAN)
    assert done.stdout == f"etcd-latency {__version__}\n"


def test_what_is_in_the_wheel(wheel: Path) -> None:
    """Package, catalogue, shim and example; no lab, no tests, and no `datadog_checks/__init__.py`, which is base's."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name for name in names if not name.startswith("etcd_latency/")} == {
        "datadog_checks/etcd_latency/__init__.py",
        "datadog_checks/etcd_latency/__about__.py",
        "datadog_checks/etcd_latency/data/conf.yaml.example",
    }
    sources = {
        str(path.relative_to(ROOT)) for path in ROOT.glob("etcd_latency/**/*") if path.suffix in (".py", ".yaml")
    }
    assert {name for name in names if name.startswith("etcd_latency/")} == sources


def test_the_example_is_one_file(wheel: Path) -> None:
    """What the installer copies to conf.d is the file at the top level."""
    carried = zipfile.ZipFile(wheel).read("datadog_checks/etcd_latency/data/conf.yaml.example")
    assert carried == (ROOT / "conf.yaml.example").read_bytes()


def test_metadata_that_the_installer_reads(wheel: Path) -> None:
    """The literal requirement with hyphens, the name with its prefix, and lower bounds only."""
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("METADATA")]
    lines = archive.read(name).decode().split("\n\n")[0].splitlines()
    assert "Name: datadog-etcd-latency" in lines
    assert f"Version: {__version__}" in lines
    requirements = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert [line.split(">=")[0] for line in requirements] == [
        "Requires-Dist: datadog-checks-base",
        "Requires-Dist: requests",
        "Requires-Dist: pyyaml",
        "Requires-Dist: cachetools",
    ]
    assert not any(sign in line for line in requirements for sign in ("<", "==", "~=", "!="))


def test_manifest_and_changelog() -> None:
    """The manifest is of version 2, fits the check, and names only files and headings that exist."""
    manifest = json.loads((ROOT / "manifest.json").read_text())
    assert manifest["manifest_version"] == "2.0.0"
    assert manifest["app_id"] == "etcd-latency"
    assert manifest["assets"]["integration"]["metrics"]["prefix"] == "etcd_latency."
    assert len(manifest["tile"]["description"]) <= 80
    readme = (ROOT / "README.md").read_text()
    for part in ("overview", "configuration", "support"):
        file, heading = manifest["tile"][part].split("#")
        assert file == "README.md"
        assert f"\n## {heading}\n" in readme
    for asset in ("metrics", "service_checks"):
        assert (ROOT / manifest["assets"]["integration"][asset]["metadata_path"]).is_file()
    assert f"\n## {__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_ci_runs_check_and_test() -> None:
    """What CI calls are the Makefile's two gates."""
    assert "\nmake check test\n" in (ROOT / ".ci/run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert "\ncheck: env\n" in makefile
    assert "\ntest: env\n" in makefile
