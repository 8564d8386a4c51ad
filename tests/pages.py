"""Pages that hypothesis makes, scrape after scrape, with all the ways in which one can be odd.

A page is drawn once and then changes: series come and go and move, families do, types do. Every page has new values.
No series is twice on a page, for then base and ours differ on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

from hypothesis import strategies as st

LEADER = "etcd_server_has_leader"
"""On every page: one without any family of etcd is refused."""

Labels = tuple[tuple[str, str], ...]
"""The values as they are written, escapes included."""

KINDS = {
    "etcd_server_is_leader": "gauge",
    "etcd_server_id": "gauge",
    "etcd_mvcc_put_total": "counter",
    "etcd_server_health_success": "counter",
    "etcd_disk_wal_fsync_duration_seconds": "histogram",
    "etcd_network_peer_round_trip_time_seconds": "histogram",
    "go_gc_duration_seconds": "summary",
    "go_goroutines": "gauge",
    "etcd_debugging_a": "gauge",
    "etcd_debugging_b_total": "counter",
    "etcd_debugging_c_seconds": "histogram",
    "etcd_debugging_d": "summary",
    "other": "untyped",
    "other_more": "gauge",
    "process_start_time_seconds": "gauge",
    "target_info": "gauge",
}
"""Families of the catalogue, and others, each with what it is."""

PARTS = {
    "histogram": [("_bucket", "le", bound) for bound in ("0", "0.5", "1.0", "2e3", "+Inf")] + [("_sum",), ("_count",)],
    "summary": [("", "quantile", quantile) for quantile in ("0", "0.5", "1")] + [("_sum",), ("_count",)],
}

ODD_TEXTS = (
    "",
    " ",
    "a",
    "b c",
    "}",
    "{",
    "# HELP",
    " # {",
    "}} 1",
    'a=\\"b\\",c=\\"d',
    "\\\\",
    '\\"',
    "\\n",
    "\\n# TYPE other gauge",
    "\\n" + LEADER + " 7",
    "\\x",
    "\\\\\\\\\\n",
    "a\u2028b",
    "\u0085",
    "\u00a0",
    "é,=#",
    "\r",
    "\x1c",
    "\udcff",
)
"""Label values as they are written, and the last a byte that is no UTF-8."""

ODD_VALUES = (
    *("0", "1", "2", "3", "-0", "-3", "+4", "0.1", ".5", "5.", "1e3", "1E3", "1e-7", "5e-324", "1e400", "-1e400"),
    *("NaN", "nan", "-NaN", "Inf", "+Inf", "-Inf", "inf", "infinity"),
    *("9007199254740993", "18446744073709551615", "123456789012345678901234567890", "1.7976931348623157e308"),
)


@dataclass(frozen=True)
class Line:
    """A sample without its value, and how it is written."""

    name: str
    labels: Labels
    style: str = "plain"


@dataclass(frozen=True)
class Block:
    """A family in one place."""

    family: str
    kind: str
    headers: tuple[str, ...]
    lines: tuple[Line | str, ...]
    """A text is no sample of the family."""


Blocks = tuple[Block, ...]


def braced(labels: Labels) -> str:
    return ",".join(f'{label}="{value}"' for label, value in labels)


STYLES: dict[str, Callable[[str, Labels, str], str]] = {
    "plain": lambda name, labels, value: f"{name}{{{braced(labels)}}} {value}" if labels else f"{name} {value}",
    "two spaces": lambda name, labels, value: f"{STYLES['plain'](name, labels, ' ' + value)}",
    "tab": lambda name, labels, value: f"{name}{{{braced(labels)}}}\t{value}" if labels else f"{name}\t{value}",
    "tab behind a space": lambda name, labels, value: STYLES["plain"](name, labels, "\t" + value),
    "space at the end": lambda name, labels, value: STYLES["plain"](name, labels, value + " "),
    "space before": lambda name, labels, value: " " + STYLES["plain"](name, labels, value),
    "time": lambda name, labels, value: STYLES["plain"](name, labels, value + " 1700000000000"),
    "comma at the end": lambda name, labels, value: f"{name}{{{braced(labels)}{',' if labels else ''}}} {value}",
    "spread": lambda name, labels, value: f"{name} {{ {braced(labels).replace('=', ' = ')} }} {value}",
    "backwards": lambda name, labels, value: STYLES["plain"](name, labels[::-1], value),
    "carriage return": lambda name, labels, value: STYLES["plain"](name, labels, value + "\r"),
    "no space": lambda name, labels, value: f"{name}{{{braced(labels)}}}{value}",
}
"""The ways to write a sample that base reads, rightly or not."""

COMMENTS = ("", " ", "\t", "\r", "#", "# a comment", "#a", "# EOF", "# UNIT other seconds")

STRAYS = (
    *COMMENTS,
    *('stray{s="1"} 1', 'etcd_server_is_leader{s="1"} 1', 'etcd_mvcc_put_total{s="1"} 3', 'other_info{s="1"} 1'),
    *('other{s="1"} 5', 'other_more{s="1"} 1', 'etcd_debugging_a_more{s="1"} 1', 'go_gc_duration_seconds_max{s="1"} 1'),
    "## TYPE x gauge",
    *("# HELP", "#  TYPE etcd_server_go_version gauge", " # TYPE etcd_mvcc_range_total counter"),
    *("#\tTYPE\tetcd_server_version\tgauge", "# HELP etcd_server_is_learner", "# TYPE etcd_mvcc_txn_total counter"),
    '# HELP unknown some \\n text # with "quotes',
)

HEADERS: dict[str, Callable[[str, str], tuple[str, ...]]] = {
    "both": lambda name, kind: (f"# HELP {name} Some text.", f"# TYPE {name} {kind}"),
    "type": lambda name, kind: (f"# TYPE {name} {kind}",),
    "help": lambda name, _: (f"# HELP {name} Some text.",),
    "neither": lambda _, __: (),
    "the other way round": lambda name, kind: (f"# TYPE {name} {kind}", f"# HELP {name} Some text."),
    "without a text": lambda name, kind: (f"# HELP {name}", f"# TYPE {name}\t{kind}\r"),
    "comment": lambda name, kind: (f"# HELP {name} Text.", "# a comment", f"# TYPE  {name}  {kind} "),
    "blank": lambda name, kind: (f"# HELP {name} Text.", "", f"# TYPE {name} {kind}", ""),
    "twice": lambda name, kind: (f"# TYPE {name} gauge", f"# TYPE {name} {kind}"),
}
"""The ways to declare a family."""


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@dataclass(frozen=True)
class Limits:
    """What a test can do without."""

    styles: tuple[str, ...] = tuple(STYLES)
    headers: tuple[str, ...] = tuple(HEADERS)
    strays: tuple[str, ...] = STRAYS
    kinds: tuple[str, ...] = ("gauge", "counter", "histogram", "summary", "untyped", "info")
    twice: bool = True
    """Whether a family may stand in two places."""
    empty: bool = True
    """Whether a family may be declared without a sample."""


ANY = Limits()

TIDY = Limits(
    headers=("both", "type", "the other way round", "without a text", "comment", "blank"),
    strays=COMMENTS,
    kinds=(),
    twice=False,
    empty=False,
)
"""For options that look at a family as a whole, or at the order of samples: where a page has one in pieces, base takes
each for itself.
"""


TEXTS = st.text(alphabet='ab\\"\n,{}=# \u2028é', max_size=5).map(escaped)


NAMES = st.sampled_from(["a", "b", "To", "version", "_x", "le_", "grpc_code"])

LABELS = st.lists(
    st.tuples(NAMES, st.sampled_from(ODD_TEXTS) | TEXTS), max_size=3, unique_by=lambda label: label[0]
).map(tuple)


def samples(name: str, kind: str, labels: Labels) -> list[Line]:
    """The lines of one series."""
    parts = PARTS.get(kind, [("",)])
    return [Line(name + ending, labels + ((tuple(bound),) if bound else ())) for ending, *bound in parts]


@st.composite
def families(draw: st.DrawFn, limits: Limits) -> Block:
    """A family that is new."""
    name = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[name]
    series = draw(st.lists(LABELS, min_size=1, max_size=3))
    lines = [line for labels in series for line in samples(name, kind, labels)]
    header = HEADERS[draw(st.sampled_from(("both", "both", "both", "type", *limits.headers)))]
    return Block(name, kind, header(name, kind), tuple(lines))


def without(items: Sequence[Any], index: int) -> tuple[Any, ...]:
    return (*items[:index], *items[index + 1 :])


def inserted(items: Sequence[Any], index: int, item: Any) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index:])


def changed_block(draw: st.DrawFn, block: Block, limits: Limits) -> Block:
    """A family after something happened to it."""
    match draw(st.sampled_from(("lines", "lines", "lines", "lines", "kind", "header"))):
        case "kind" if limits.kinds:
            return replace(block, headers=HEADERS["both"](block.family, draw(st.sampled_from(limits.kinds))))
        case "header":
            header = HEADERS[draw(st.sampled_from(limits.headers))]
            return replace(block, headers=header(block.family, block.kind))
    lines = changed_lines(draw, block, limits)
    return replace(block, lines=lines) if limits.empty or any(isinstance(line, Line) for line in lines) else block


def changed_lines(draw: st.DrawFn, block: Block, limits: Limits) -> tuple[Line | str, ...]:
    """Its lines after something happened to them."""
    lines = block.lines
    at, to = draw(st.integers(0, max(0, len(lines) - 1))), draw(st.integers(0, len(lines)))
    match draw(st.sampled_from(("go", "move", "come", "style", "stray", "nothing is left"))):
        case "go":
            lines = without(lines, at)
        case "move" if lines:
            lines = inserted(without(lines, at), to, lines[at])
        case "come":
            lines = (*lines[:to], *samples(block.family, block.kind, draw(LABELS)), *lines[to:])
        case "style" if lines and isinstance(line := lines[at], Line):
            lines = inserted(without(lines, at), at, replace(line, style=draw(st.sampled_from(limits.styles))))
        case "stray":
            lines = inserted(lines, to, draw(st.sampled_from(limits.strays)))
        case "nothing is left":
            lines = ()
    return lines


def changed(draw: st.DrawFn, page: Blocks, limits: Limits) -> Blocks:
    """A page after something happened to it."""
    at = draw(st.integers(0, max(0, len(page) - 1)))
    to = draw(st.integers(0, len(page)))
    match draw(st.sampled_from(("within", "within", "within", "within", "go", "move", "come", "split"))):
        case "within" if page and [block.family for block in page].count(page[at].family) == 1:
            return inserted(without(page, at), at, changed_block(draw, page[at], limits))
        case "go":
            return without(page, at)
        case "move" if page:
            return inserted(without(page, at), to, page[at])
        case "come":
            new = draw(families(limits))
            return page if new.family in {one.family for one in page} else inserted(page, to, new)
        case "split" if limits.twice and page and len(page[at].lines) > 1:
            middle = len(page[at].lines) // 2
            first, second = (
                replace(page[at], lines=lines) for lines in (page[at].lines[:middle], page[at].lines[middle:])
            )
            return inserted(inserted(without(page, at), at, first), to, second)
    return page


def rendered(page: Blocks, values: Sequence[str]) -> bytes:
    """A page as it comes over the wire, with these values again and again; each series once."""
    value = cycle(values)
    seen: set[object] = set()
    lines: list[str] = []
    for block in page:
        lines += block.headers
        for line in block.lines:
            key = line if isinstance(line, str) else (line.name, frozenset(line.labels))
            if key not in seen or key in COMMENTS:
                seen.add(key)
                lines.append(line if isinstance(line, str) else STYLES[line.style](line.name, line.labels, next(value)))
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


LEADERS = Block(LEADER, "gauge", HEADERS["both"](LEADER, "gauge"), (Line(LEADER, ()),))


def oddities() -> Iterator[tuple[Blocks, str]]:
    """Pages each of which has one oddity, and a value for it."""
    for name in ("etcd_server_id", "etcd_mvcc_put_total", "etcd_disk_wal_fsync_duration_seconds", "other"):
        kind = KINDS[name]
        plain = Block(name, kind, HEADERS["both"](name, kind), tuple(samples(name, kind, (("a", "1"), ("b", "2")))))
        for value in ODD_VALUES:
            yield (plain, LEADERS), value
        for text in ODD_TEXTS:
            lines = samples(name, kind, (("a", text), ("b", "2")))
            yield (LEADERS, replace(plain, lines=tuple(lines))), "1"
        for style in STYLES:
            lines = [replace(line, style=style) for line in plain.lines if isinstance(line, Line)]
            yield (plain, replace(plain, lines=tuple(lines), headers=()), LEADERS), "1"
            yield (replace(plain, lines=tuple(lines)), LEADERS), "1"
        for header in HEADERS.values():
            yield (LEADERS, replace(plain, headers=header(name, kind))), "1"
        for stray in STRAYS:
            yield (replace(plain, lines=inserted(plain.lines, 1, stray)), LEADERS), "1"


@st.composite
def evolving(draw: st.DrawFn, limits: Limits = ANY) -> list[bytes]:
    """The pages of some scrapes, one after the other."""
    page: Blocks = tuple(draw(st.lists(families(limits), min_size=1, max_size=4, unique_by=lambda one: one.family)))
    pages = []
    for _ in range(draw(st.integers(3, 8))):
        place = len(page) // 2
        values = draw(st.lists(st.sampled_from(ODD_VALUES), min_size=8, max_size=8))
        pages.append(rendered(inserted(page, place, LEADERS), values))
        for _ in range(draw(st.sampled_from((0, 0, 1, 2, 3)))):
            page = changed(draw, page, limits)
    return pages


OPENMETRICS_FAMILIES = {
    "etcd_server_is_leader": ("gauge", ""),
    "etcd_mvcc_put": ("counter", ""),
    "etcd_disk_wal_fsync_duration_seconds": ("histogram", "seconds"),
    "go_gc_duration_seconds": ("summary", "seconds"),
    "etcd_server_version": ("info", ""),
    "etcd_debugging_a": ("stateset", ""),
    "other": ("unknown", ""),
}
"""By name, what they are and their unit."""

OPENMETRICS_PARTS = {
    "gauge": [("",)],
    "counter": [("_total",), ("_created",)],
    "histogram": [
        *(("_bucket", "le", bound) for bound in ("0.0", "0.5", "+Inf")),
        ("_count",),
        ("_sum",),
        ("_created",),
    ],
    "summary": [*(("", "quantile", quantile) for quantile in ("0.0", "1.0")), ("_count",), ("_sum",), ("_created",)],
    "info": [("_info",)],
    "stateset": [("", "etcd_debugging_a", "on")],
    "unknown": [("",)],
}


@st.composite
def openmetrics(draw: st.DrawFn) -> list[str]:
    """The lines of a page in the OpenMetrics format, where rules are strict."""
    names = draw(st.lists(st.sampled_from(sorted(OPENMETRICS_FAMILIES)), max_size=4, unique=True))
    lines = [f"# TYPE {LEADER} gauge", f"{LEADER} 1"]
    for name in names:
        kind, unit = OPENMETRICS_FAMILIES[name]
        lines += [f"# TYPE {name} {kind}", f"# HELP {name} Some \\n text."]
        lines += [f"# UNIT {name} {unit}"] * (bool(unit) and draw(st.booleans()))
        text = st.sampled_from(("a", "", "}", " # {", "b c", '\\"', "\\\\", "\\n", "\u2028", "é,="))
        time = draw(st.sampled_from(("", "", " 1700000000.5")))
        value = 1 if kind in {"info", "stateset"} else draw(st.integers(0, 2**60))
        for label in draw(st.lists(text, min_size=1, max_size=3, unique=True)):
            for ending, *more in OPENMETRICS_PARTS[kind]:
                labels = (("a", label), tuple(more)) if more else (("a", label),)
                exemplar = ' # {trace_id="x}"} 0.5' if ending in {"_bucket", "_total"} and draw(st.booleans()) else ""
                lines.append(f"{name}{ending}{{{braced(labels)}}} {value}{time}{exemplar}")
    return lines + ["# EOF"] * draw(st.sampled_from((1, 1, 1, 0)))


CALLS = "etcd_request_duration_seconds"


@st.composite
def api_server(draw: st.DrawFn, *, grows: bool) -> list[bytes]:
    """Pages of an API server, one after the other. When it only grows, no series goes or begins anew."""
    operations, kinds = st.sampled_from(("get", "list", "a b")), st.sampled_from(("pods", "*core.Pod", "é}", 'a\\"'))
    series = draw(st.lists(st.tuples(operations, kinds), min_size=1, max_size=6, unique=True))
    bounds = ("0.1", "1", "+Inf")
    values: dict[str, float] = {}
    shown: list[tuple[str, str]] = []
    pages = []
    for _ in range(draw(st.integers(3, 6))):
        some = draw(st.lists(st.sampled_from(series), min_size=1, max_size=len(series), unique=True))
        shown = [*shown, *(one for one in some if one not in shown)] if grows else some
        now: dict[str, float] = {}
        for operation, kind in shown:
            labels = f'operation="{operation}",type="{kind}"'
            heads = [f'{CALLS}_bucket{{{labels},le="{bound}"}}' for bound in bounds]
            if not grows:
                heads = heads[draw(st.integers(0, 1)) :]
                values = values if draw(st.integers(0, 3)) else {}  # the process began anew
            for head in (*heads, f"{CALLS}_sum{{{labels}}}", f"{CALLS}_count{{{labels}}}"):
                now[head] = values.get(head, 0) + draw(st.sampled_from((0, 0, 1, 2, 0.25)))
        values = now
        lines = [f"{head} {value}" for head, value in now.items()]
        objects = [
            f'etcd_object_counts{{resource="{kind}"}} {draw(st.integers(0, 9))}'
            for kind in sorted({kind for _, kind in shown})
        ]
        pages.append(
            "\n".join([f"# TYPE {CALLS} histogram", *lines, "# TYPE etcd_object_counts gauge", *objects, ""]).encode()
        )
    return pages
