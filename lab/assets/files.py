"""All files that are rendered, and the manifest, which lists them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lab.assets import dashboards, metadata, monitors
from lab.assets.monitors import MANIFEST


def files() -> dict[Path, str]:
    """The text of each, by its path."""
    assets = {**monitors.rendered(), **dashboards.rendered()}
    return {metadata.METADATA: metadata.rendered(), MANIFEST: _manifest(assets), **assets}


def _manifest(assets: Mapping[Path, str]) -> str:
    """The manifest with the monitors and dashboards that there are, by their titles."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for folder in (dashboards.DASHBOARDS, monitors.FOLDER):
        of_kind = {json.loads(text)["title"]: str(path) for path, text in assets.items() if path.parent == folder}
        manifest["assets"][folder.name] = of_kind
    return json.dumps(manifest, indent=2) + "\n"
