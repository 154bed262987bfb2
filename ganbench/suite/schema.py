"""A JSON Schema of suites, for editors: completion, hover texts and a first check while typing."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from ganbench import registry
from ganbench.registry import Kind, Option
from ganbench.suite.model import SuiteFile, VariantEntry
from ganbench.suite.options import depth_of_type
from ganbench.suite.own import OF_VARIANTS
from ganbench.suite.settings import options_of

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The schema of a suite file with every registered name and its options (draft 2020-12)."""
    schema = SuiteFile.model_json_schema()
    networks = _choice_schemas("network")
    schema.setdefault("$defs", {})["network"] = {"anyOf": [*networks, _resolved_network()]}
    for kind, key in (("dataset", "datasets"), ("variant", "variants"), ("diagnostic", "diagnostics")):
        items = {"anyOf": _choice_schemas(kind)}  # type: ignore[arg-type]
        entries: Schema = {"type": "array", "minItems": 1, "items": items}
        if kind != "diagnostic":
            schema["properties"][key] |= entries
            continue
        changes = {"$ref": "#/$defs/DiagnosticsSection"}
        schema["properties"][key] |= {"anyOf": [entries, changes]}
        schema["$defs"]["DiagnosticsSection"]["properties"]["add"] |= entries
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _choice_schemas(kind: Kind) -> list[Schema]:
    """For each name: the bare name, and a mapping of it to its options."""
    found: list[Schema] = []
    for name, summary in registry.summaries(kind).items():
        options = options_of(kind, name)
        found.append(_with_options(kind, name, summary, options))
        if not any(option.required for option in options.values()):
            found.append({"const": name, "description": summary})
    return found


def _with_options(kind: Kind, name: str, summary: str, options: dict[str, Option]) -> Schema:
    properties: Schema = {name: _options_schema(kind, options) | {"description": summary}}
    if kind != "network":
        properties["label"] = {"type": "string", "description": "the name in tables and figures"}
    if kind == "variant":
        entry = VariantEntry.model_json_schema(ref_template="#/$defs/{model}")["properties"]
        properties |= {key: _without_null(entry[key]) for key in OF_VARIANTS}
    return _object(properties, [name])


def _without_null(schema: Schema) -> Schema:
    """A key that may be left out, but not be given as null."""
    kinds = [each for each in schema["anyOf"] if each != {"type": "null"}]
    return {"anyOf": kinds, "description": schema["description"]}


def _options_schema(kind: Kind, options: dict[str, Option]) -> Schema:
    required = [name for name, option in options.items() if option.required]
    schema = _object({name: _option_schema(kind, option) for name, option in options.items()}, required)
    return schema if required else schema | {"type": ["object", "null"]}


def _option_schema(kind: Kind, option: Option) -> Schema:
    """One value, or a list of values as a sweep."""
    value: Schema = TypeAdapter(option.type).json_schema()
    if (kind, option.name) == ("variant", "network"):
        value = {"$ref": "#/$defs/network"}
    sweep: Schema = {"type": "array", "items": value, "minItems": 1}
    if depth_of_type(option.type):
        sweep["description"] = "a list of such lists is a sweep"
    schema: Schema = {"anyOf": [value, sweep], "description": option.text}
    return schema if option.required else schema | {"default": option.default}


def _resolved_network() -> Schema:
    properties = {"name": {"enum": registry.names("network")}, "options": {"type": "object"}}
    return _object(properties, ["name", "options"])


def _object(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
