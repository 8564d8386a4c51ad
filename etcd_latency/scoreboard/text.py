"""The board on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etcd_latency.errors import fit_to_show
from etcd_latency.model import Level
from etcd_latency.scoreboard.fitting import ended, packed, wrapped
from etcd_latency.scoreboard.names import with_short_names
from etcd_latency.scoreboard.styles import Paint, painted, plain
from etcd_latency.scoreboard.table import legend, table
from etcd_latency.scoreboard.values import Board, Clean, Health, word
from etcd_latency.scoreboard.verdict import Told, beyond_limits, findings, nothing_found

LEAST_WIDTH = 40
"""Columns; where a terminal is narrower, it breaks the lines itself."""

VERDICT_LINES, EVIDENCE_LINES = 5, 2
"""At most; and how many the evidence has, unless its first fact is longer."""

INDENT = 10
"""Columns before what is said in a line of the verdict."""

LINES_OF_A_REASON, MOST_NAMED, MOST_OTHERS = 2, 2, 4


def as_text(board: Board, *, color: bool, width: int, clean: Clean = fit_to_show) -> str:
    """The table, what is to be said about it, and the verdict last: there the eye is when the command has ended."""
    width = max(width, LEAST_WIDTH)
    paint = painted if color else plain
    names = [clean(row.name) for row in board.rows]
    first, *others = (_in_short(told, names) for told in findings(board, clean) or [nothing_found(board, clean)])
    parts = [
        [paint(f"etcd cluster {clean(board.cluster)}", "strong")],
        [*table(board, width, paint, clean), *legend(board, width)] if board.rows else [],
        list(_remarks(board, width, clean)),
        list(_others(others, width, paint)),
        list(_verdict(first, beyond_limits(board, clean), width, paint)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _remarks(board: Board, width: int, clean: Clean) -> Iterator[str]:
    """Why members could not be measured, each reason once, and the notes."""
    reasons: dict[Health, list[str]] = {}
    for row in board.rows:
        if row.health.words and row.health.state != "ok":
            reasons.setdefault(row.health, []).append(clean(row.name))
    for health, names in reasons.items():
        who = ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} members"
        yield from wrapped(f"{who}: {clean(health.words)}", width, LINES_OF_A_REASON, indent="  ")
    thin = board.diagnosis.thin if board.diagnosis.severity else ""
    for note in (*board.notes, *filter(None, (thin,))):
        yield from wrapped(f"note: {clean(note)}", width, indent="  ")


def _others(others: Sequence[Told], width: int, paint: Paint) -> Iterator[str]:
    """What else was found, a line each, beside what the verdict is about."""
    for told in others[:MOST_OTHERS]:
        title = word(told.level).upper().ljust(INDENT)
        yield "also".ljust(INDENT) + paint(title, word(told.level)) + _what(told, width - 2 * INDENT)
    if others[MOST_OTHERS:]:
        yield " " * INDENT + f"{len(others) - MOST_OTHERS} more: --json"


def _verdict(told: Told, marked: Sequence[str], width: int, paint: Paint) -> Iterator[str]:
    """At most five lines: what, who and how bad; the evidence; what to do, and where to read on.

    The first fact and the first step come whole before anything else does; then the fact counts for more.
    """
    room = width - INDENT
    yield paint(word(told.level).upper().ljust(INDENT), word(told.level)) + _what(told, room)
    if told.level == Level.OK:
        yield from _titled("look at", wrapped(", ".join(marked), room, VERDICT_LINES - 1))
        return
    lines = VERDICT_LINES - 1
    fact = min(len(wrapped(next(iter(told.evidence), ""), room)), lines - 1)
    step = len(ended(next(iter(told.steps), ""), told.link, room, lines - fact))
    most = max(fact, min(EVIDENCE_LINES, lines - step))
    evidence = wrapped(packed(told.evidence, room, most), room, most)
    yield from _titled("evidence", evidence)
    yield from _titled("next", _next(told, room, lines - len(evidence)))


def _in_short(told: Told, names: Sequence[str]) -> Told:
    """With the names that the table has, or nearly: who is tired looks for the same word."""
    evidence = tuple(with_short_names(fact, names) for fact in told.evidence)
    return told._replace(what=with_short_names(told.what, names), evidence=evidence)


def _what(told: Told, room: int) -> str:
    """In one line, with the cause's name where there is one: that is what dashboards and monitors call it."""
    name = f"[{told.cause}]" if told.level in {Level.WARNING, Level.CRITICAL} else ""
    return ended(told.what, name, room, 1)[0]


def _next(told: Told, room: int, lines: int) -> list[str]:
    """As many steps as fit before the link."""
    for count in range(len(told.steps), 0, -1):
        text = " ".join(told.steps[:count])
        whole = ended(text, told.link, room, lines + 1)
        if len(whole) <= lines:
            return whole
    return ended(next(iter(told.steps), ""), told.link, room, lines)


def _titled(title: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield ("" if number else title).ljust(INDENT) + line
