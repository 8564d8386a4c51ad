"""`make assets`: write all that is rendered, and remove what is rendered no more."""

import sys

from lab.assets.dashboards import DASHBOARDS
from lab.assets.files import files
from lab.assets.monitors import FOLDER

made = files()
for folder in (DASHBOARDS, FOLDER):
    folder.mkdir(exist_ok=True)
    for path in set(folder.glob("*.json")) - made.keys():
        path.unlink()
for path, text in made.items():
    path.write_text(text, encoding="utf-8")
sys.stdout.write(f"{len(made)} files are as their sources say\n")
