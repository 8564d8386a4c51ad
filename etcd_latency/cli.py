"""The command `etcd-latency`: the check on the command line, without an Agent."""

from __future__ import annotations

import argparse
import io
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import yaml
from datadog_checks.base import ConfigurationError

from etcd_latency import scoreboard
from etcd_latency.__about__ import __version__
from etcd_latency.check import EtcdLatencyCheck
from etcd_latency.derive.diagnosis import Diagnosis
from etcd_latency.errors import fit_to_show
from etcd_latency.model import Level
from etcd_latency.report import as_json, as_text
from etcd_latency.scoreboard import Board
from etcd_latency.standalone import Run, prepare, run

FINE, RAISED, WRONG, INTERRUPTED = 0, 1, 2, 130
"""The exit codes of `check`: all instances ran; an instance raised; the command line or the configuration is wrong;
Ctrl-C, as shells have it. Those of `diagnose` are the numbers of `Level`, as monitoring plugins have them."""
HOUR_SECONDS, DAY_SECONDS = 3600.0, 86400.0
LOG_FORMAT = "%(levelname)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows Z\\xfcrich
    logging.basicConfig(stream=sys.stderr, level=options.log_level.upper(), format=LOG_FORMAT)
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        print(f"etcd-latency: {options.config}: {error}", file=sys.stderr)
        return int(options.parser.wrong)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Point stdout elsewhere, or Python complains at exit.
        sys.stdout = None
        return FINE
    except OSError as error:
        sys.stdout = None
        print(f"etcd-latency: the output cannot be written: {error.strerror}", file=sys.stderr)
        return int(options.parser.wrong)


def check(options: argparse.Namespace) -> int:
    """`etcd-latency check`: run every instance of the file and print what each run submitted."""
    checks = _ready(options)
    code = FINE
    for number in range(options.times):
        if number:
            time.sleep(options.pause)
        result = run(checks)
        print(as_json(result) if options.json else as_text(result, show_all=options.all), flush=True)
        code = RAISED if result.errors else code
    return code


def diagnose(options: argparse.Namespace) -> int:
    """`etcd-latency diagnose`: measure one interval of every cluster in the file, and tell what is wrong there."""
    checks = _ready(options)
    try:
        _progress("etcd-latency: asking for the first time")
        for check in checks:
            run([check])
        _wait(options.interval)
        _progress("etcd-latency: asking for the second time")
        boards = [_board(check, run([check])) for check in checks]
    finally:
        _progress("")
    texts = [_shown(board, check, options) for board, check in zip(boards, checks, strict=True)]
    try:
        print(("\n" if options.json else "\n\n").join(texts), flush=True)
    except BrokenPipeError:
        sys.stdout = None  # as in `main`; but who asked for the code wants it all the same
    return int(scoreboard.worst(board.level for board in boards))


def load(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`init_config` and `instances` of a configuration file; raises `ConfigurationError`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        # Not the error's own text: it holds the line, and the line may hold a password.
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"is not YAML: {error.problem}{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"is not YAML: {type(error).__name__}; it holds what no YAML value can be") from None
    if not isinstance(content, dict) or not content.get("instances"):
        raise ConfigurationError("`instances` is missing; write a list with one entry per etcd cluster below it")
    init_config, instances = content.get("init_config") or {}, content["instances"]
    if not isinstance(init_config, dict):
        raise ConfigurationError("`init_config` is not a mapping; leave it empty, or write `option: value` lines")
    if not isinstance(instances, list) or not all(isinstance(instance, dict) for instance in instances):
        raise ConfigurationError("`instances` is not a list of mappings; begin each cluster with `- cluster: <name>`")
    return init_config, instances


def _ready(options: argparse.Namespace) -> list[EtcdLatencyCheck]:
    """The checks of the file; from now on the log keeps their secrets."""
    init_config, instances = load(options.config)
    checks = prepare(init_config, instances)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Scrubbed(checks))
    return checks


def _board(check: EtcdLatencyCheck, last: Run) -> Board:
    """What the check has found; when it could measure nothing, why not."""
    errors = ["; ".join(error.splitlines()) for error in last.errors]
    board: Board | None = check.board()
    if board is None:
        thin = "; ".join(errors) or "no member gave two pages that can be compared"
        return Board(str(check.instance["cluster"]), (), Diagnosis((), thin))
    known = any(row.health.state == "failed" for row in board.rows)
    return board if known else replace(board, notes=(*board.notes, *errors))


def _shown(board: Board, check: EtcdLatencyCheck, options: argparse.Namespace) -> str:
    def clean(text: str) -> str:
        return fit_to_show(check.sanitize(text))

    if options.json:
        return scoreboard.as_json(board, clean)
    return scoreboard.as_text(
        board, color=_colored(options.color), width=shutil.get_terminal_size().columns, clean=clean
    )


def _colored(wanted: str) -> bool:
    """As asked for; else where somebody looks on who has not declined (https://no-color.org)."""
    if wanted != "auto":
        return wanted == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _wait(seconds: float) -> None:
    """Sleep; on a terminal the seconds count down, elsewhere one line tells how long it takes."""
    if not sys.stderr.isatty():
        print(f"etcd-latency: measuring for {seconds:g} s", file=sys.stderr, flush=True)
        time.sleep(seconds)
        return
    ends = monotonic() + seconds
    while (left := ends - monotonic()) > 0:
        _progress(f"etcd-latency: measuring, {ceil(left)} s left")
        time.sleep(min(left, 1.0))


def _progress(text: str) -> None:
    """What goes on, in a line that the next one overwrites; for terminals only."""
    if sys.stderr.isatty():
        print(text.ljust(PROGRESS_WIDTH), end="\r", file=sys.stderr, flush=True)


PROGRESS_WIDTH = 60


class _Scrubbed(logging.Formatter):
    """Leaves out the secrets that the checks know, tracebacks included, as the Agent's own log does."""

    def __init__(self, checks: Sequence[EtcdLatencyCheck]) -> None:
        super().__init__(LOG_FORMAT)
        self._checks = checks

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for check in self._checks:
            text = check.sanitize(text)
        return text


class _Parser(argparse.ArgumentParser):
    """Argparse's own, but for the exit code of a wrong command line."""

    wrong: int = WRONG

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.wrong, f"{self.prog}: error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="etcd-latency", description="Why etcd is slow, and which member it is.")
    parser.set_defaults(parser=parser)
    parser.add_argument("--version", action="version", version=f"etcd-latency {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _describe_check(
        commands.add_parser(
            "check",
            help="run the check once or more, and print what it submits",
            description="Run the check without an Agent and print what `agent check` would print.",
            epilog="Exit code: 0; 1 when an instance raised; 2 when the command line or the configuration is wrong.",
        )
    )
    _describe_diagnose(
        commands.add_parser(
            "diagnose",
            help="measure for some seconds, and tell what is slow, and why",
            description="Measure one interval; print a line for each member, and what is wrong with which of them.",
            epilog="Exit code, as monitoring plugins have it: 0 when nothing is wrong; 1 for a warning; 2 when it is "
            "critical; 3 when nothing could be measured or told, or the command line or the configuration is wrong. "
            "Of several clusters the worst counts: critical, then warning, then unknown.",
        )
    )
    return parser


def _describe_check(command: _Parser) -> None:
    command.set_defaults(command=check, parser=command)
    _add_shared(command, log_level="warning")
    command.add_argument(
        "--times", type=_between(1, sys.maxsize), default=1, metavar="N", help="how many runs (default: 1)"
    )
    command.add_argument(
        "--pause",
        type=_between(0.0, DAY_SECONDS),
        default=1.0,
        metavar="SECONDS",
        help="the time between two runs (default: 1)",
    )
    command.add_argument("--json", action="store_true", help="one JSON object per run, each on one line")
    command.add_argument("--all", action="store_true", help="show labelled series that are 0 on every member, too")


def _describe_diagnose(command: _Parser) -> None:
    command.wrong = int(Level.UNKNOWN)
    command.set_defaults(command=diagnose, parser=command)
    _add_shared(command, log_level="error")
    command.add_argument(
        "--interval",
        type=_between(0.0, HOUR_SECONDS),
        default=15.0,
        metavar="SECONDS",
        help="how long to measure (default: 15); a quiet cluster needs longer",
    )
    command.add_argument("--json", action="store_true", help="one JSON object per cluster, each on one line")
    command.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="auto, the default: on a terminal, unless the environment variable NO_COLOR is set",
    )


def _add_shared(command: _Parser, log_level: str) -> None:
    command.add_argument(
        "-c",
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="a conf.yaml; handles such as ENC[...] are resolved by the Agent only",
    )
    command.add_argument(
        "--log-level",
        default=log_level,
        choices=("debug", "info", "warning", "error"),
        help=f"what is logged to standard error (default: {log_level})",
    )


def _between(least: float, most: float) -> Any:
    def number(text: str) -> float:
        value = type(least)(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
