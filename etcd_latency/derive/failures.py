"""What could not be asked, in as few lines as possible: once for each reason, not once for each question."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from etcd_latency.errors import NotOffered, TargetError

PAGE = "page"
"""The question without which there is nothing to see; its failure is told without its name."""

PASSING = re.compile(r"\([^()]*\)$|\d+(\.\d+)?")
"""What differs from time to time in the words of one and the same failure: a library's own, and numbers."""


def lines(target: str, errors: Mapping[str, TargetError | None], *, missing: bool) -> dict[str, str]:
    """The failures of one target's questions: by the gist of each reason, a line for people.

    What fails for the page's reason goes without saying. With `missing` instead what the server's version or
    configuration does not offer, which is no failure.
    """
    questions: dict[str, list[str]] = defaultdict(list)
    for question, error in errors.items():
        if error and missing == (isinstance(error, NotOffered) and question != PAGE):
            questions[str(error)].append(question)
    return {
        PASSING.sub("", reason): f"{target}: {reason}" if PAGE in names else f"{target}: {', '.join(names)}: {reason}"
        for reason, names in questions.items()
    }
