"""`python -m lab.dashboards` writes assets/dashboards, from the root of the project."""

from __future__ import annotations

import sys

from lab.dashboards import rendered

for path, text in rendered().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{path}: {text.count(chr(10))} lines\n")
