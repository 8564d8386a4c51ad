"""The one-way flow of the house, read from the imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS = (
    ("__about__", "body", "errors", "mistakes", "wire", "workers"),
    ("model", "catalog", "option_types"),
    ("config_models", "certificates", "derive", "wrapper"),
    ("sites", "explain", "scoreboard"),
    ("config",),
    ("client", "scrape", "targets"),
    ("gateway",),
    ("probes",),
    ("answers",),
    ("fetch", "findings"),
    ("journal", "schedule", "submit"),
    ("survey",),
    ("views",),
    ("boards", "verdicts"),
    ("analysis",),
    ("check",),
    ("standalone",),
    ("report",),
    ("cli",),
)
"""Each module may import from the floors above it in this list; within a floor, from none."""

MODULES = [path.relative_to(ROOT) for package in ("etcd_latency", "lab") for path in ROOT.glob(f"{package}/**/*.py")]


def imports(module: Path) -> set[str]:
    """The full names that a module imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import, which the tests below cannot place"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(name: str) -> str | None:
    """`fetch` for `etcd_latency.fetch.Client`; None for what is not ours or the package itself."""
    steps = name.split(".")
    return steps[1] if steps[0] == "etcd_latency" and len(steps) > 1 else None


@pytest.mark.parametrize("module", [module for module in MODULES if module.parts[0] == "etcd_latency"], ids=str)
def test_imports_point_one_way(module: Path) -> None:
    """A module imports only from floors before its own; the package's front door may import from any."""
    if module == Path("etcd_latency/__init__.py"):
        return
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    here = module.parts[1].removesuffix(".py")
    used = {found for name in imports(module) if (found := part(name)) not in (None, here)}
    assert {name for name in used if floor[name] >= floor[here]} == set()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_the_package_knows_neither_lab_nor_tests(module: Path) -> None:
    """The check runs where `lab` is not installed, and the lab where the tests are not."""
    forbidden = {"tests"} if module.parts[0] == "lab" else {"lab", "tests"}
    assert {name for name in imports(module) if name.split(".")[0] in forbidden} == set()


def test_every_module_has_a_floor() -> None:
    """A new module is given its place in the flow."""
    parts = {module.parts[1].removesuffix(".py") for module in MODULES if module.parts[0] == "etcd_latency"}
    assert parts - {"__init__"} == {name for names in FLOORS for name in names}
