"""`make demo`: a real etcd cluster under load, measured by the check, as a table that refreshes.

With a fault it is shown well first, then struck, then well again, and ends by itself.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from textwrap import indent

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from lab import cluster, load, trouble
from lab.agent import Agent, Flush
from lab.cluster import Cluster
from lab.process import LabError
from lab.trouble import Fault

INTERVAL_SECONDS = 5.0
HEALTHY_RUNS = 3
"""Before a fault: a verdict rests on the change between two runs, and holds when it is found twice."""
TIMEOUT_SECONDS = 3.0
MISSING = "-"
SEVERITY = ("none", "warning", "critical")

Value = Callable[[Flush, str], float | None]
"""Reads a figure of a member, named by its tag, from a flush."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table: what it shows of a member, and from which value on that is too much."""

    title: str
    value: Value
    form: str
    limit: float | None = None


def _scaled(value: Value, factor: float) -> Value:
    def scaled(flush: Flush, member: str) -> float | None:
        plain = value(flush, member)
        return None if plain is None else plain * factor

    return scaled


def _milliseconds(name: str) -> Value:
    return _scaled(lambda flush, member: flush.mean(name, member), 1e3)


def _gauge(name: str, factor: float = 1.0) -> Value:
    return _scaled(lambda flush, member: flush.value(name, member), factor)


def _handled(method: str) -> Value:
    """Calls a second; tags are in small letters once they are flushed."""
    return lambda flush, member: flush.rate("grpc.server.handled.count", member, f"grpc_method:{method}")


def _ratio(part: str, whole: str) -> Value:
    def value(flush: Flush, member: str) -> float | None:
        used, limit = flush.value(part, member), flush.value(whole, member)
        return None if used is None or not limit else used / limit * 100

    return value


def _apply_lag(flush: Flush, member: str) -> float | None:
    committed, applied = (flush.value(f"server.proposals.{stage}", member) for stage in ("committed", "applied"))
    # The two gauges are not read at the same instant, so the difference may dip below 0.
    return None if committed is None or applied is None else max(0.0, committed - applied)


COLUMNS = (
    Column("fsync\nms", _milliseconds("disk.wal_fsync.duration"), "{:.2f}", 10),
    Column("commit\nms", _milliseconds("disk.backend_commit.duration"), "{:.2f}", 25),
    Column("RTT\nms", _milliseconds("network.peer.round_trip_time.duration"), "{:.2f}", 50),
    Column("local\nms", _gauge("probe.read.serializable.duration", 1e3), "{:.1f}"),
    Column("quorum\nms", _gauge("probe.read.linearizable.duration", 1e3), "{:.1f}"),
    Column("puts\n/s", _handled("put"), "{:.0f}"),
    Column("reads\n/s", _handled("range"), "{:.0f}"),
    Column("apply\nlag", _apply_lag, "{:.0f}", 1000),
    Column("db\nMB", _gauge("mvcc.db.total_size", 1e-6), "{:.1f}"),
    Column("quota\n%", _ratio("mvcc.db.total_size", "server.quota_backend"), "{:.2f}", 80),
    Column("fds\n%", _ratio("process.open_fds", "process.max_fds"), "{:.2f}", 80),
    Column("watch\n", _gauge("mvcc.watchers"), "{:.0f}"),
    Column("RSS\nMB", _gauge("process.resident_memory", 1e-6), "{:.0f}"),
)
"""etcd's documentation asks for a p99 of fsync below 10 ms and of the backend commit below 25 ms, OpenShift's for
round trips below 50 ms. Here they stand for means, so what is red is surely too slow."""


def introduction(lab: Cluster) -> Panel:
    """The first screen: what is being seen."""
    members = "\n".join(f"  {member.name}  {member.client_url}" for member in lab.members)
    return Panel(
        f"A real etcd {lab.version} cluster over mutual TLS, under light load:\n{members}\n\n"
        f"The check measures it every {INTERVAL_SECONDS:g} s, as inside the Agent. A row is a member.\n\n"
        "  fsync   a write reaches the disk of the write-ahead log; red above 10 ms\n"
        "  commit  a batch reaches the database file; red above 25 ms\n"
        "  RTT     the round trip to the other members, told after half a minute\n"
        "  local   the check reads a key from the member alone, and\n"
        "  quorum  with the consent of a quorum: the difference is what consensus costs\n"
        "  lag     entries committed but not applied; at 5000 etcd turns writes away\n\n"
        "The first three, puts and reads tell of the time since the run before,\n"
        "so they begin with run 2. Red is surely too much.\n"
        "Ctrl-C stops and removes everything.",
        title="etcd_latency",
        title_align="left",
        expand=False,
    )


def table(lab: Cluster, flush: Flush, number: int) -> RenderableType:
    """One run: a row for every member, and below it what could not be measured."""
    grid = Table(title=f"run {number}", title_justify="left", caption_justify="left", box=None, padding=(0, 1, 0, 0))
    grid.add_column("member\n", style="bold", no_wrap=True, min_width=max(len(member.name) for member in lab.members))
    grid.add_column("role\n")
    for column in COLUMNS:
        grid.add_column(column.title, justify="right")
    for member in lab.members:
        tag = f"etcd_member:{member.name}"
        grid.add_row(member.name, _role(flush, tag), *(_cell(column, flush, tag) for column in COLUMNS))
    result = flush.run
    # What keeps the check from measuring a member is the reason of several service checks.
    reasons = dict.fromkeys(check.message for check in result.service_checks if check.message)
    problems = [f"[red]{reason}[/red]" for reason in reasons]
    grid.caption = f"{len(result.metrics):,} metrics in {result.seconds * 1000:.0f} ms"
    return Group(grid, *problems, *diagnoses(flush))


def diagnoses(flush: Flush) -> list[str]:
    """A line for every cause that the check has found in this run."""
    found = [(value, tags) for (name, tags), value in flush.points.items() if name == "diagnosis.severity" and value]
    return [
        f"[red]diagnosis:[/red] {_tag(tags, 'cause')}, {_tag(tags, 'etcd_member') or 'the whole cluster'}: "
        f"{SEVERITY[int(value)]}"
        for value, tags in sorted(found, key=lambda one: (-one[0], sorted(one[1])))
    ]


def _tag(tags: Iterable[str], name: str) -> str:
    """What stands behind the name of a tag; nothing where it is not carried."""
    return next((tag.removeprefix(f"{name}:") for tag in tags if tag.startswith(f"{name}:")), "")


def events(flush: Flush) -> list[str]:
    """What has happened since the run before, with its evidence."""
    return [
        f"[bold]event:[/bold] {escape(str(event['msg_title']))}\n{escape(indent(str(event['msg_text']), '  '))}"
        for event in flush.run.events
    ]


def _role(flush: Flush, member: str) -> str:
    match flush.value("server.is_leader", member):
        case None:
            return "[red]down[/red]"
        case 1.0:
            return "leader"
    return "follower" if flush.value("server.has_leader", member) else "[red]no leader[/red]"


def _cell(column: Column, flush: Flush, member: str) -> str:
    value = column.value(flush, member)
    if value is None:
        return MISSING
    text = column.form.format(value)
    return f"[red]{text}[/red]" if column.limit is not None and value > column.limit else text


def runs(agent: Agent, duration: float | None, stop: threading.Event) -> Iterator[tuple[int, Flush]]:
    """A flush every interval, until the duration is over or somebody stops it."""
    due = time.monotonic()
    end = math.inf if duration is None else due + duration
    for number in itertools.count(1):
        yield number, agent.flush()
        # What holds a run up, as a fault may, does not let the next ones crowd together.
        due = min(max(due + INTERVAL_SECONDS, time.monotonic()), end)
        if stop.wait(max(0.0, due - time.monotonic())) or time.monotonic() >= end:
            return


class Story:
    """What becomes of a cluster from run to run: it is well, it is struck, it is well again for as long."""

    def __init__(self, lab: Cluster, fault: Fault, say: Callable[[str], None]) -> None:
        self._lab = lab
        self._fault = fault
        self._say = say
        self._struck = ExitStack()
        lasts = math.ceil(fault.seconds / INTERVAL_SECONDS)
        self._ends_after = HEALTHY_RUNS + lasts
        self.runs = self._ends_after + lasts

    def go_on(self, number: int) -> None:
        """Do what is due after this run, and say so."""
        if number == HEALTHY_RUNS:
            says = self._struck.enter_context(trouble.injected(self._lab, self._fault))
            self._say(f"[bold red]The fault begins:[/bold red] {says}.")
        elif number == self._ends_after:
            self._struck.close()
            self._say("[bold green]The fault is taken away.[/bold green]")

    def close(self) -> None:
        """Undo what is not undone yet."""
        self._struck.close()


def demonstrate(console: Console, duration: float | None, stop: threading.Event, fault: Fault | None = None) -> None:
    """Set everything up, show run after run, take everything down."""
    if fault:
        fault.needs()
    with ExitStack() as stack:
        with console.status("Starting a three-member etcd cluster ..."):
            flags, proxied = (fault.flags, fault.proxied) if fault else ((), False)
            lab = stack.enter_context(cluster.running(flags=flags, proxied=proxied))
        stack.enter_context(load.running(lab))
        console.print(introduction(lab))
        story = stack.enter_context(closing(Story(lab, fault, console.print))) if fault else None
        agent = Agent(lab.instance(timeout=TIMEOUT_SECONDS))
        # On a terminal one table refreshes in its place; into a file or a pipe, each run is printed.
        live = stack.enter_context(Live(console=console, auto_refresh=False)) if console.is_terminal else None
        for number, flush in runs(agent, duration, stop):
            shown = table(lab, flush, number)
            if live:
                live.update(shown, refresh=True)
            else:
                console.print(shown)
            # Below the table where each run is printed; above the one that refreshes, where it stays.
            for event in events(flush):
                console.print(event)
            if story:
                story.go_on(number)
                if number == story.runs:
                    break


def stop_at_signals() -> threading.Event:
    """An event that Ctrl-C, SIGTERM and a closed terminal set.

    An exception could strike inside a destructor, where Python drops it, and the demo would go on. Who
    presses Ctrl-C twice means it: then the exception comes.
    """
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, ask)
    return stop


def seconds(text: str) -> float:
    """A duration from the command line."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _choices(asked: str) -> int:
    """Tell which faults there are, to who asked for the list or for another; returns the exit code."""
    found = asked == "list"
    console = Console(stderr=not found)
    if not found:
        console.print(f"[red]demo:[/red] there is no fault {escape(asked)!r}; choose one of these:")
    console.print(trouble.listing(), highlight=False, soft_wrap=True)
    return 0 if found else 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns its exit code: 0, 1 when the lab could not be set up, 2 when there is no such fault."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--duration", type=seconds, metavar="SECONDS", help="stop by itself after this time (default: at Ctrl-C)"
    )
    parser.add_argument(
        "--fault", metavar="NAME", help="bring a fault about and take it away again; `list` tells which there are"
    )
    options = parser.parse_args(arguments)
    if options.fault is not None and options.fault not in trouble.FAULTS:
        return _choices(options.fault)
    logging.basicConfig(handlers=[logging.NullHandler()])  # what the check warns of is told below the table
    stop = stop_at_signals()
    console = Console(width=None if sys.stdout.isatty() else 100)
    try:
        demonstrate(console, options.duration, stop, trouble.FAULTS.get(options.fault))
    except KeyboardInterrupt:
        pass
    except LabError as error:
        console.print(f"[red]demo:[/red] {error}")
        return 1
    console.print("Stopped; everything is removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
