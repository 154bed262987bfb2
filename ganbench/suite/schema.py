"""A JSON Schema of suites, for editors: completion, hover texts and a first check while typing."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from ganbench import registry
from ganbench.registry import Kind, Option
from ganbench.suite.model import SuiteFile, VariantEntry
from ganbench.suite.options import depth_of_type
from ganbench.suite.overrides import OF_VARIANTS
from ganbench.suite.settings import options_of

Schema = dict[str, Any]
_NAMED_BY_OPTIONS: tuple[Kind, ...] = ("dataset", "network", "update")


def json_schema() -> Schema:
    """The schema of a suite file with every registered name and its options (draft 2020-12)."""
    schema = SuiteFile.model_json_schema()
    for kind in _NAMED_BY_OPTIONS:
        schema.setdefault("$defs", {})[kind] = {"anyOf": [*_choice_schemas(kind, False), _resolved(kind)]}
    for kind, key in (("dataset", "datasets"), ("variant", "variants"), ("diagnostic", "diagnostics")):
        items = {"anyOf": _choice_schemas(kind, True)}
        entries: Schema = {"type": "array", "minItems": 1, "items": items}
        if kind != "diagnostic":
            schema["properties"][key] |= entries
            continue
        changes = {"$ref": "#/$defs/DiagnosticsSection"}
        schema["properties"][key] |= {"anyOf": [entries, changes]}
        schema["$defs"]["DiagnosticsSection"]["properties"]["add"] |= entries
    schema["$defs"] |= _definitions(schema["$defs"]) | _definitions(schema["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _definitions(part: Any) -> Schema:
    """Take the definitions out of an option's schema: references name them at the top."""
    found: Schema = part.pop("$defs", {}) if isinstance(part, dict) else {}
    inner = list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
    for each in inner:
        found |= _definitions(each)
    return found


def _choice_schemas(kind: Kind, entry: bool) -> list[Schema]:
    """For each name: the bare name, and a mapping of it to its options; beside those of an entry of a suite's

    lists stand a label and the like.
    """
    found: list[Schema] = []
    for name, summary in registry.summaries(kind).items():
        options = options_of(kind, name)
        found.append(_with_options(kind, name, summary, options, entry))
        if not any(option.required for option in options.values()):
            found.append({"const": name, "description": summary})
    return found


def _with_options(kind: Kind, name: str, summary: str, options: dict[str, Option], entry: bool) -> Schema:
    properties: Schema = {name: _options_schema(options) | {"description": summary}}
    if entry:
        properties["label"] = {"type": "string", "description": "the name in tables and figures"}
    if entry and kind == "variant":
        beside = VariantEntry.model_json_schema(ref_template="#/$defs/{model}")["properties"]
        properties |= {key: _without_null(beside[key]) for key in OF_VARIANTS}
    return _object(properties, [name])


def _without_null(schema: Schema) -> Schema:
    """A key that may be left out, but not be given as null."""
    kinds = [each for each in schema["anyOf"] if each != {"type": "null"}]
    return {"anyOf": kinds, "description": schema["description"]}


def _options_schema(options: dict[str, Option]) -> Schema:
    required = [name for name, option in options.items() if option.required]
    schema = _object({name: _option_schema(option) for name, option in options.items()}, required)
    return schema if required else schema | {"type": ["object", "null"]}


def _option_schema(option: Option) -> Schema:
    """One value, or a list of values as a sweep."""
    value: Schema = TypeAdapter(option.type).json_schema()
    if option.names is not None:
        value = {"$ref": f"#/$defs/{option.names}"}
        value = {"anyOf": [{"enum": list(option.words)}, value]} if option.words else value
    sweep: Schema = {"type": "array", "items": value, "minItems": 1}
    if depth_of_type(option.type):
        sweep["description"] = "a list of such lists is a sweep"
    schema: Schema = {"anyOf": [value, sweep], "description": option.text}
    return schema if option.required else schema | {"default": option.default}


def _resolved(kind: Kind) -> Schema:
    properties = {"name": {"enum": registry.names(kind)}, "options": {"type": "object"}}
    return _object(properties, ["name", "options"])


def _object(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
