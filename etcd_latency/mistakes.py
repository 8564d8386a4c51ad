"""Wrong values of options: raised where a kind of value is known, told where the option is, too.

Pydantic collects what validators raise, with the way to each option; here that becomes base's
`ConfigurationError`, one line a mistake, with the option, the value and the fix, and no secret.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any, TypeVar

from datadog_checks.base import ConfigurationError
from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError

Model = TypeVar("Model", bound=BaseModel)

REQUIRED = {
    "cluster": "cluster: prod-eu",
    "members": "members: [https://10.0.0.1:2379]",
    "url": "url: https://10.0.0.1:2379",
    "apiserver.endpoints": "endpoints: [https://10.0.0.1:6443]",
    "controller_manager.endpoints": "endpoints: [https://127.0.0.1:10257]",
}
"""The options without a default, each with an example for the message that asks for it."""


SECRET_OPTIONS = frozenset(("password", "tls_private_key_password", "headers", "extra_headers", "auth_token", "proxy"))
"""The options whose values are never told."""


class Mistake(ValueError):
    """What is wrong with a value and how to put it right; `show` says whether the value may be told, too."""

    def __init__(self, text: str, *, show: bool = True) -> None:
        super().__init__(text)
        self.show = show


def mistake_in(detail: Any) -> Mistake | None:
    """Our own error behind one of pydantic's, where there is one."""
    error = detail.get("ctx", {}).get("error")
    return error if isinstance(error, Mistake) else None


def or_configuration_error(values: Any, handler: ModelWrapValidatorHandler[Model], section: str) -> Model:
    """What the handler makes of the values, or every mistake in them as one `ConfigurationError`."""
    try:
        return handler(values)
    except ValidationError as error:
        mistakes = [_told(detail, section) for detail in error.errors()]
        raise ConfigurationError("\n".join(mistakes)) from None


def _told(detail: Any, section: str) -> str:
    """One mistake as one line: the option, its value, and what to do."""
    option = " -> ".join(_steps(detail["loc"], section)) or section
    if detail["type"] == "missing":
        example = REQUIRED.get(".".join(map(str, detail["loc"][-2:]))) or REQUIRED[detail["loc"][-1]]
        return f"`{option}` is missing; write, for example, `{example}`"
    mistake = mistake_in(detail)
    if mistake is None:
        return f"`{option}`: {detail['msg'].removeprefix('Value error, ')}"
    if not mistake.show:
        return f"`{option}` {mistake}"
    return f"`{option}`: {_shown(detail['input'])} {mistake}"


def _steps(location: tuple[str | int, ...], section: str) -> list[str]:
    """The way to an option; what stands in a list is counted from 1, as base does."""
    if location[-1:] == ("[key]",):
        return [*_steps(location[:-2], section), str(location[-2])]
    inside = [str(step + 1) if isinstance(step, int) else step for step in location]
    return [section, *inside] if section == "init_config" and inside else inside


def _shown(value: Any) -> str:
    """A value for a message, as YAML has it, cut to a readable length, without what may be a secret."""
    return textwrap.shorten(json.dumps(_redacted(value), default=str, ensure_ascii=False), 80, placeholder=" ...")


def _redacted(value: Any, depth: int = 4) -> Any:
    """YAML's anchors can make a value hold itself, so it is followed so deep only."""
    if not depth:
        return "..."
    if isinstance(value, Mapping):
        return {str(key): "***" if key in SECRET_OPTIONS else _redacted(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, depth - 1) for one in value]
    return re.sub(r"[^/\s]*@", "***@", value) if isinstance(value, str) else value
