"""Fetches or builds the programs of the tiers beside `make test`, into a cache outside the clone.

Exit codes: 0; 1 when something is missing or wrong here; 75 when what comes from a rolling release
cannot be had today, which says nothing about this project.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from lab.cache import say
from lab.process import LabError
from lab.recipes import ETCD, EXTENSIONS_RECIPE, KUBERNETES_RECIPE, VICTORIA, Recipe

RECIPES = {
    "etcd": tuple(ETCD.values()),
    "kubernetes": (KUBERNETES_RECIPE,),
    "apiextensions": (EXTENSIONS_RECIPE,),
    "victoria": (VICTORIA,),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is named and not yet there; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.fetch", description=__doc__)
    parser.add_argument("programs", nargs="+", choices=RECIPES)
    for name in parser.parse_args(arguments).programs:
        for recipe in RECIPES[name]:
            try:
                _make(recipe)
            except LabError as error:
                if not recipe.rolls:
                    say(f"fetch: {recipe.what}: {error}")
                    return 1
                say(f"fetch: {recipe.what} is not to be had today: {error}")
                return os.EX_TEMPFAIL
    return 0


def _make(recipe: Recipe) -> None:
    say(f"{recipe.what} ...")
    started = time.monotonic()
    folder = recipe.made()
    programs = ", ".join(sorted(path.name for path in folder.iterdir()))
    say(f"  {programs}: in {folder} ({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    sys.exit(main())
