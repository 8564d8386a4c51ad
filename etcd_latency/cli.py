"""The command `etcd-latency`: the check on the command line, without an Agent."""

from __future__ import annotations

import argparse
import io
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from datadog_checks.base import ConfigurationError

from etcd_latency.__about__ import __version__
from etcd_latency.check import EtcdLatencyCheck
from etcd_latency.report import as_json, as_text
from etcd_latency.standalone import prepare, run

FINE, RAISED, WRONG, INTERRUPTED = 0, 1, 2, 130
"""The exit codes: all instances ran; an instance raised; the command line or the configuration is wrong;
Ctrl-C, as shells have it."""
DAY_SECONDS = 86400.0
LOG_FORMAT = "%(levelname)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows Z\\xfcrich
    logging.basicConfig(stream=sys.stderr, level=options.log_level.upper(), format=LOG_FORMAT)
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        print(f"etcd-latency: {options.config}: {error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Point stdout elsewhere, or Python complains at exit.
        sys.stdout = None
        return FINE
    except OSError as error:
        sys.stdout = None
        print(f"etcd-latency: the output cannot be written: {error.strerror}", file=sys.stderr)
        return WRONG


def check(options: argparse.Namespace) -> int:
    """`etcd-latency check`: run every instance of the file and print what each run submitted."""
    init_config, instances = load(options.config)
    checks = prepare(init_config, instances)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Scrubbed(checks))
    code = FINE
    for number in range(options.times):
        if number:
            time.sleep(options.pause)
        result = run(checks)
        print(as_json(result) if options.json else as_text(result, show_all=options.all), flush=True)
        code = RAISED if result.errors else code
    return code


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="etcd-latency", description="Why etcd is slow, and which member it is.")
    parser.add_argument("--version", action="version", version=f"etcd-latency {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "check",
        help="run the check once or more, and print what it submits",
        description="Run the check without an Agent and print what `agent check` would print.",
        epilog="Exit code: 0; 1 when an instance raised; 2 when the command line or the configuration is wrong.",
    )
    command.set_defaults(command=check)
    command.add_argument(
        "-c",
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="a conf.yaml; handles such as ENC[...] are resolved by the Agent only",
    )
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
    command.add_argument(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="what is logged to standard error (default: warning)",
    )
    return parser


def _between(least: float, most: float) -> Any:
    def number(text: str) -> float:
        value = type(least)(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
