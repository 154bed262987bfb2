"""What all checks share: how they fail, and what can be read without training."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.errors import GanbenchError, MissingData
from ganbench.registry import Entry

Check = Callable[[Entry], str | None]
"""Raises ContractFailure; what it returns is a remark or None."""
CPU, FEW = torch.device("cpu"), 6
PLACES: dict[str, Any] = {"ring8": {"mlp": {"width": 8}}, "digits": {"dcgan": {"width": 4}}}
"""Where variants are tried, with a network that is used where the variant lets one be named."""


class ContractFailure(GanbenchError):
    """A plug-in does not keep what its kind promises."""


def require(kept: object, entry: Entry, problem: str) -> None:
    """Raise ContractFailure, naming file and line, kind and name, where a promise is not kept."""
    if not kept:
        raise ContractFailure(f"{definition_of(entry)}: {entry.kind} {entry.name}: {problem}")


def definition_of(entry: Entry) -> str:
    """`FILE:LINE` of what was registered."""
    return f"{entry.file}:{inspect.getsourcelines(entry.factory)[1]}"


def dataset_of(name: str) -> Dataset:
    """A registered data set with its default options; raises MissingData where it has none."""
    entry = registry.get("dataset", name)
    needed = [option.name for option in entry.options.values() if option.required]
    if needed:
        raise MissingData(f"{name}: it needs {' and '.join(needed)}, which have no default")
    made: Dataset = entry.factory()
    return made


def same_bits(one: Any, two: Any) -> bool:
    """Whether two nested values agree in every bit."""
    if isinstance(one, Mapping):
        return one.keys() == two.keys() and all(same_bits(one[key], two[key]) for key in one)
    return torch.equal(one, two) if isinstance(one, Tensor) else bool(one == two)


def documented(entry: Entry) -> None:
    """The docstring has a summary, and every option a meaning and a default."""
    require(entry.summary, entry, "its function has no docstring; the first line is the summary")
    given = {"dataset"} if entry.kind == "diagnostic" else set()
    for option in (option for name, option in entry.options.items() if name not in given):
        require(not option.required, entry, f"option {option.name!r} has no default; give it one")
        require(
            option.text, entry, f"option {option.name!r} says nothing; write it as Annotated[type, 'meaning']"
        )


def names_its_source(entry: Entry) -> None:
    """The docstring names the method's source."""
    sourced = re.search(r"^\s*Source: *\S", entry.documentation, re.MULTILINE)
    require(sourced, entry, "its docstring has no line 'Source: authors, year, equation'")


def says_how_to_read_it(entry: Entry) -> None:
    """The docstring says what good looks like and what the diagnostic is blind to."""
    for words in ("good looks like", "blind to"):
        require(
            words in entry.documentation.lower(), entry, f"its docstring does not say what ... {words}: ..."
        )
