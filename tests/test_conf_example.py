"""`conf.yaml.example` against the models: neither may know an option, a default or a need that the other does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from etcd_latency.config_models import (
    ApiServers,
    ControllerManagers,
    HttpOptions,
    InstanceConfig,
    Member,
    SharedConfig,
)

EXAMPLE = Path(__file__).parents[1].joinpath("conf.yaml.example").read_text(encoding="utf-8")

BLOCKS: dict[str, type[BaseModel]] = {"apiserver": ApiServers, "controller_manager": ControllerManagers}
"""The mappings in an instance that are commented out as a whole."""

MODELS: dict[str, type[BaseModel]] = {
    "init_config": SharedConfig,
    "instances": InstanceConfig,
    "members": Member,
    **BLOCKS,
}
"""The levels of the file and what reads them."""

HTTP_OPTIONS = set(HttpOptions.model_fields)

UNDOCUMENTED = {
    "init_config": HTTP_OPTIONS,  # the instance documents them
    "instances": set[str](),
    "members": HTTP_OPTIONS,
    # but for those that are seldom what they are for etcd
    "apiserver": HTTP_OPTIONS - {"timeout", "tls_ca_cert", "tls_cert", "auth_token"},
    "controller_manager": HTTP_OPTIONS - {"tls_verify"},
}

TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "list": (list,),
    "list of strings": (list,),
    "mapping": (dict,),
}

PARAM = re.compile(
    r"^(?P<indent> *)## @param (?P<name>\w+) - (?P<type>[a-z ]+) - (?P<need>required|optional)"
    r"(?: - default: (?P<default>.+))?\n"
    r"(?: *## .+\n)+"  # the description
    r" *#\n"
    r"(?P<example>(?: *# .+\n)*)",  # empty where the option is set
    re.MULTILINE,
)


@dataclass(frozen=True)
class Param:
    """One `@param` block of the example."""

    level: str
    name: str
    type: str
    required: bool
    default: str | None
    example: slice
    """Where in the file its commented-out example stands."""

    def __str__(self) -> str:
        return f"{self.level}.{self.name}"

    @property
    def field(self) -> FieldInfo:
        return MODELS[self.level].model_fields[self.name]


def documented() -> Iterator[Param]:
    """All `@param` blocks; where a block stands and how deep says whose option it is."""
    instances = EXAMPLE.index("\ninstances:")
    outer = ""
    for found in PARAM.finditer(EXAMPLE):
        if len(found["indent"]) == 4:
            outer = found["name"]
        inside = "instances" if len(found["indent"]) == 4 else outer
        yield Param(
            level="init_config" if found.start() < instances else inside,
            name=found["name"],
            type=found["type"],
            required=found["need"] == "required",
            default=found["default"],
            example=slice(*found.span("example")),
        )


PARAMS = list(documented())

PAIRS = {"username": "password", "password": "username"}
"""Options that are a mistake one without the other."""

each_param = pytest.mark.parametrize("param", PARAMS, ids=str)


def goes_with(param: Param) -> list[Param]:
    """The option itself, its block where that is commented out, too, and what the block requires; as in the file."""
    block = next((name for name in (param.level, param.name) if name in BLOCKS), None)
    needed = {f"instances.{block}", *(str(one) for one in PARAMS if one.level == block and one.required)}
    needed |= {f"{param.level}.{PAIRS.get(param.name)}"}
    return [one for one in PARAMS if one == param or str(one) in needed]


def with_uncommented(params: list[Param]) -> str:
    """The file after a user has removed the `# ` in front of some options, where they are commented out."""
    text = EXAMPLE
    for one in reversed(params):
        lines = re.sub(r"^( *)# ", r"\1", text[one.example], flags=re.MULTILINE)
        text = text[: one.example.start] + lines + text[one.example.stop :]
    return text


def at_level(file: dict[str, Any], level: str) -> dict[str, Any]:
    """The options of one level as a parsed file has them; of the members, the first one's."""
    (instance,) = file["instances"]
    if level in BLOCKS:
        block: dict[str, Any] = instance[level]
        return block
    levels = {"init_config": file["init_config"] or {}, "instances": instance, "members": instance["members"][0]}
    options: dict[str, Any] = levels[level]
    return options


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of a type as the example names it; true is no integer."""
    strings_only = kind != "list of strings" or all(isinstance(entry, str) for entry in value)
    return type(value) in TYPES[kind] and strings_only


def test_the_example_works_as_it_stands() -> None:
    """What is not commented out is a configuration for kubeadm that sets no more than it must."""
    file = yaml.safe_load(EXAMPLE)
    (instance,) = file["instances"]
    loaded = InstanceConfig.model_validate(instance, context={})
    assert file.keys() == {"init_config", "instances"}
    assert file["init_config"] is None
    assert instance.keys() == {"cluster", "members", "tls_ca_cert", "tls_cert", "tls_private_key"}
    assert loaded.cluster == "<CLUSTER_NAME>"
    assert [member.url for member in loaded.members] == [f"https://10.0.0.{host}:2379" for host in (1, 2, 3)]
    assert loaded.tls_ca_cert == "/etc/kubernetes/pki/etcd/ca.crt"
    assert loaded.tls_cert == "/etc/kubernetes/pki/etcd/healthcheck-client.crt"
    assert loaded.tls_private_key == "/etc/kubernetes/pki/etcd/healthcheck-client.key"


def test_the_example_is_readable_everywhere() -> None:
    """Lines are ASCII and fit into a terminal of 100 columns."""
    assert EXAMPLE.isascii()
    assert [line for line in EXAMPLE.splitlines() if len(line) > 100] == []


def test_every_block_is_read() -> None:
    """No block is written in a way that the tests below pass over."""
    assert [param.name for param in PARAMS] == re.findall(r"@param (\S+)", EXAMPLE)


@pytest.mark.parametrize("level", MODELS)
def test_options_are_the_same(level: str) -> None:
    """At each level the example documents every option of the model once, and none that it does not have."""
    names = [param.name for param in PARAMS if param.level == level]
    assert sorted(names) == sorted(MODELS[level].model_fields.keys() - UNDOCUMENTED[level])


@each_param
def test_default_is_the_models(param: Param) -> None:
    """A documented default is the model's, and an option without one is required or None by default."""
    default = None if param.field.is_required() else param.field.default
    written = None if param.default is None else yaml.safe_load(param.default)
    assert (type(written), written) == (type(default), default)


@each_param
def test_required_is_the_models(param: Param) -> None:
    """`required` is said of exactly the options that the model requires."""
    assert param.required == param.field.is_required()


@each_param
def test_uncommenting_works(param: Param) -> None:
    """Any one option, uncommented in its place, gives a file that loads, with a value of the documented type."""
    file = yaml.safe_load(with_uncommented(goes_with(param)))
    options = at_level(file, param.level)
    assert fits(options[param.name], param.type)
    shared = SharedConfig.model_validate(file["init_config"] or {}, context={})
    (instance,) = (InstanceConfig.model_validate(instance, context={}) for instance in file["instances"])
    blocks = {name: getattr(instance, name) for name in BLOCKS}
    loaded = {"init_config": shared, "instances": instance, "members": instance.members[0], **blocks}[param.level]
    assert param.name in loaded.model_fields_set


def test_the_blocks_work_as_a_whole() -> None:
    """Each block with all of its options uncommented loads, and sets what it documents."""
    for block in BLOCKS:
        own = [param for param in PARAMS if param.level == block]
        header = [param for param in PARAMS if str(param) == f"instances.{block}"]
        (instance,) = yaml.safe_load(with_uncommented(header + own))["instances"]
        loaded = getattr(InstanceConfig.model_validate(instance, context={}), block)
        assert loaded.model_fields_set >= {param.name for param in own}
