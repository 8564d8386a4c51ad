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

from etcd_latency.config_models import HttpOptions, InstanceConfig, Member, SharedConfig

EXAMPLE = Path(__file__).parents[1].joinpath("conf.yaml.example").read_text(encoding="utf-8")

MODELS: dict[str, type[BaseModel]] = {"init_config": SharedConfig, "instances": InstanceConfig, "members": Member}
"""The levels of the file and what reads them."""

UNDOCUMENTED = {
    "init_config": set(HttpOptions.model_fields),  # the instance documents them
    "instances": {"apiserver", "controller_manager"},  # accepted, but not measured yet
    "members": set(HttpOptions.model_fields),
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
    for found in PARAM.finditer(EXAMPLE):
        inside = "instances" if len(found["indent"]) == 4 else "members"
        yield Param(
            level="init_config" if found.start() < instances else inside,
            name=found["name"],
            type=found["type"],
            required=found["need"] == "required",
            default=found["default"],
            example=slice(*found.span("example")),
        )


PARAMS = list(documented())

each_param = pytest.mark.parametrize("param", PARAMS, ids=str)


def with_uncommented(param: Param) -> str:
    """The file after a user has removed the `# ` in front of one option, where it is commented out."""
    lines = re.sub(r"^( *)# ", r"\1", EXAMPLE[param.example], flags=re.MULTILINE)
    return EXAMPLE[: param.example.start] + lines + EXAMPLE[param.example.stop :]


def at_level(file: dict[str, Any], level: str) -> dict[str, Any]:
    """The options of one level as a parsed file has them; of the members, the first one's."""
    (instance,) = file["instances"]
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
    file = yaml.safe_load(with_uncommented(param))
    options = at_level(file, param.level)
    assert fits(options[param.name], param.type)
    shared = SharedConfig.model_validate(file["init_config"] or {}, context={})
    (instance,) = (InstanceConfig.model_validate(instance, context={}) for instance in file["instances"])
    loaded = {"init_config": shared, "instances": instance, "members": instance.members[0]}[param.level]
    assert param.name in loaded.model_fields_set
