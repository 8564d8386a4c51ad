"""What could not be asked, in as few lines as possible: once for each reason, not once for each question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from etcd_latency.errors import NotOffered, TargetError

PAGE = "page"
"""The question without which there is nothing to see; its failure is told without its name."""


def lines(target: str, errors: Mapping[str, TargetError | None], *, missing: bool) -> dict[str, str]:
    """The failures of one target's questions, a line for each reason; what fails for the page's goes without saying.

    With `missing` instead what its version or configuration does not offer, which is no failure.
    """
    questions: dict[str, list[str]] = defaultdict(list)
    for question, error in errors.items():
        if error and missing == (isinstance(error, NotOffered) and question != PAGE):
            questions[str(error)].append(question)
    return {
        reason: f"{target}: {reason}" if PAGE in names else f"{target}: {', '.join(names)}: {reason}"
        for reason, names in questions.items()
    }
