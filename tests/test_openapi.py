"""How a strict schema follows from an OpenAPI file, on small ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from lab.datadog import openapi
from lab.datadog.openapi import strict
from lab.process import LabError

TEXT = {"type": "string"}
CAT = {
    "type": "object",
    "description": "A cat.",
    "properties": {"kind": {"$ref": "#/components/schemas/CatKind"}, "lives": {"type": "integer", "minimum": 0}},
    "required": ["kind"],
}
DOG = {
    "type": "object",
    "properties": {"kind": {"type": "string", "enum": ["dog", "puppy"]}, "name": TEXT},
    "required": ["kind", "name"],
}
REFERENCES = [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]
COMPONENTS: dict[str, dict[str, Any]] = {
    "Cat": CAT,
    "CatKind": {"type": "string", "enum": ["cat"], "x-enum-varnames": ["CAT"], "example": "cat"},
    "Dog": DOG,
    "Pet": {"oneOf": REFERENCES},
    "Stranger": {"type": "object", "properties": {"pet": {"$ref": "#/components/schemas/Pet"}}},
}


def derived(made: dict[str, Any]) -> dict[str, Any]:
    """The strict schema of this one."""
    found: dict[str, Any] = strict("It", COMPONENTS | {"It": made})["$defs"]["It"]
    return found


def test_only_what_is_reached_is_kept() -> None:
    """With its names; without the words that are for readers of the documentation."""
    made = strict("Cat", COMPONENTS)
    assert made["$ref"] == "#/$defs/Cat"
    assert made["$defs"] == {
        "Cat": {
            "type": "object",
            "properties": {"kind": {"$ref": "#/$defs/CatKind"}, "lives": {"type": "integer", "minimum": 0}},
            "required": ["kind"],
            "additionalProperties": False,
        },
        "CatKind": {"type": "string", "enum": ["cat"]},
    }


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"type": "object"}, {"type": "object"}),
        ({"type": "object", "additionalProperties": TEXT}, {"type": "object", "additionalProperties": TEXT}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "string", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"$ref": "#/components/schemas/CatKind", "nullable": True},
            {"if": {"not": {"type": "null"}}, "then": {"$ref": "#/$defs/CatKind"}},
        ),
        ({"$ref": "#/components/schemas/Cat", "deprecated": True}, {"$ref": "#/$defs/Cat", "deprecated": True}),
        (
            {"type": "object", "properties": {"description": TEXT | {"readOnly": True, "format": "date-time"}}},
            {"type": "object", "properties": {"description": TEXT}, "additionalProperties": False},
        ),
        (
            {"type": "array", "maxItems": 2, "items": {"properties": {"a": TEXT}}},
            {
                "type": "array",
                "maxItems": 2,
                "items": {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
            },
        ),
    ],
)
def test_each_keyword_is_carried_over(made: dict[str, Any], expected: dict[str, Any]) -> None:
    """A map stays open, an object closes; a key may have the name of a keyword that is dropped."""
    assert derived(made) == expected


@pytest.mark.parametrize("keyword", sorted(openapi.UNREAD))
def test_a_keyword_that_is_not_carried_over_is_refused(keyword: str) -> None:
    """A schema without it would take what Datadog refuses; a key of a document may be called like one."""
    demand = {"type": "object", "properties": {"inner": {"type": "integer", keyword: [TEXT]}}}
    with pytest.raises(LabError, match=f"a schema has {keyword}, which is not carried over"):
        derived(demand)
    assert derived({"type": "object", "properties": {keyword: TEXT}})["properties"] == {keyword: TEXT}


def test_a_union_goes_by_the_value_that_tells_its_forms_apart() -> None:
    """Several values may name one form."""
    assert derived({"oneOf": REFERENCES}) == {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": ["cat", "dog", "puppy"]}},
        "allOf": [
            {"if": {"properties": {"kind": {"enum": ["cat"]}}, "required": ["kind"]}, "then": {"$ref": "#/$defs/Cat"}},
            {
                "if": {"properties": {"kind": {"enum": ["dog", "puppy"]}}, "required": ["kind"]},
                "then": {"$ref": "#/$defs/Dog"},
            },
        ],
    }


def accepts(made: dict[str, Any], document: object) -> bool:
    return Draft202012Validator(strict("It", COMPONENTS | {"It": made})).is_valid(document)


def form(**keys: str) -> dict[str, Any]:
    """An object whose keys have one value each."""
    return {
        "type": "object",
        "properties": {key: {"type": "string", "enum": [value]} for key, value in keys.items()},
        "required": sorted(keys),
    }


def test_two_values_may_be_needed_to_tell_forms_apart() -> None:
    made = {"oneOf": [form(mode=mode, source=source) for mode in ("one", "two") for source in ("here", "there")]}
    assert accepts(made, {"mode": "two", "source": "here"})
    assert not accepts(made, {"mode": "two", "source": "nowhere"})
    assert "anyOf" not in str(derived(made))


def test_a_union_inside_a_union_is_found_by_its_values() -> None:
    made = {"oneOf": [{"$ref": "#/components/schemas/Pet"}, form(kind="fish")]}
    assert derived(made)["properties"] == {"kind": {"enum": ["cat", "dog", "fish", "puppy"]}}
    assert accepts(made, {"kind": "puppy", "name": "Rex"})
    assert not accepts(made, {"kind": "puppy"})


def test_one_form_may_do_without_the_key() -> None:
    """It is the one that is meant where the key is not there."""
    old = {"type": "object", "properties": {"span": TEXT}}
    made = {"oneOf": [old, form(kind="live"), form(kind="fixed")]}
    assert accepts(made, {})
    assert accepts(made, {"span": "1h"})
    assert accepts(made, {"kind": "live"})
    assert not accepts(made, {"kind": "live", "span": "1h"})


@pytest.mark.parametrize(
    "members",
    [
        [TEXT, {"type": "integer"}],
        [form(kind="a"), {"type": "object", "properties": {"kind": TEXT}, "required": ["kind"]}],
        [form(kind="a") | {"required": []}, form(kind="b"), {"type": "object", "properties": {"other": TEXT}}],
    ],
    ids=["no objects", "any value", "left out"],
)
def test_where_no_value_tells_any_form_will_do(members: list[dict[str, Any]]) -> None:
    """A key that may have any value, or may be left out by more than one form, tells nothing."""
    assert "anyOf" in derived({"oneOf": members})


def sdist(folder: Path, member: str) -> None:
    """A source distribution with one file."""
    content = yaml.safe_dump({"components": {"schemas": COMPONENTS}}).encode()
    with tarfile.open(folder / "client-1.0.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo(f"client-1.0/{member}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for pip: what it was asked for, after it brought an sdist with the file in question."""
    asked: list[str] = []

    def download(command: list[str], _: str) -> str:
        asked.append(Path(command[command.index("--requirement") + 1]).read_text())
        asked.extend(command)
        sdist(Path(command[command.index("--dest") + 1]), openapi.MEMBER)
        return ""

    monkeypatch.setattr(openapi, "output", download)
    return asked


def test_the_file_comes_from_the_sdist_that_has_the_pinned_digest(pip: list[str]) -> None:
    """And from no wheel: those do not hold it."""
    assert openapi.components() == COMPONENTS
    assert pip[0] == f"datadog-api-client=={openapi.VERSION} --hash=sha256:{openapi.SHA256}\n"
    assert {"--require-hashes", "--no-deps", "--no-binary"} <= set(pip)


def test_a_version_without_the_file_is_told(tmp_path: Path) -> None:
    sdist(tmp_path, "README.md")
    with pytest.raises(LabError, match=r"client-1.0.tar.gz holds no .generator/.*openapi.yaml: pin a version of"):
        openapi.unpacked(tmp_path / "client-1.0.tar.gz")
