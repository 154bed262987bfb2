"""Whether what a baseline file holds is of the kinds that it should be: people edit such files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from ganbench.quantities import Direction, Scale

_CHECKOUTS = ("git", "git_of_working_folder")
_NUMBERS = ("smallest_difference", "target")
_TEXTS = ("name", "title", "unit")
_TRUTHS = ("timing", "shared")


def check_environment(environment: Any) -> None:
    """Raise ValueError where the environment, or a checkout in it, is no object."""
    if not isinstance(environment, Mapping):
        raise ValueError("environment is no object")
    for name in _CHECKOUTS:
        if not isinstance(environment.get(name, None), Mapping | None):
            raise ValueError(f"environment: {name} is {environment[name]!r}, and must be an object or null")


def check_texts(name: str, texts: Any) -> None:
    """Raise ValueError where the members of an object are not all texts."""
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{name} must be an object of texts")


def check_cell(cell: Mapping[str, Any]) -> None:
    """Raise ValueError where a cell has no seeds, one twice, or values of seeds that it does not have."""
    where = f"{cell['variant']} on {cell['dataset']}"
    seeds = cell["seeds"]
    _check_seeds(where, seeds)
    if not seeds:
        raise ValueError(f"{where} has no seeds")
    own = {"diverged": cell["diverged"]}
    own |= {name: row["seeds"] for name, row in cell["values"].items() if "seeds" in row}
    for name, some in own.items():
        _check_seeds(f"{where}, {name}", some)
        if not set(some) <= set(seeds):
            raise ValueError(f"{where}, {name}: {sorted(set(some) - set(seeds))} are not among its seeds")
    for name, row in cell["values"].items():
        if not all(value is None or _is_number(value) for value in row["values"]):
            raise ValueError(f"{where}, {name}: a value is neither a number nor null")
        if "reference" in row and not _is_number(row["reference"]):
            raise ValueError(f"{where}, {name}: the reference is {row['reference']!r}, and must be a number")
    if not isinstance(cell["counts_modes"], str | None):
        raise ValueError(f"{where}: counts_modes is {cell['counts_modes']!r}, and must be a text or null")


def check_quantity(declared: Mapping[str, Any]) -> None:
    """Raise ValueError where a member of a declaration is not of its kind."""
    if declared["direction"] not in get_args(Direction) or declared["scale"] not in get_args(Scale):
        raise ValueError(
            f"{declared['name']} is declared {declared['direction']} on a scale {declared['scale']}"
        )
    wrong = [name for name in _TEXTS if not isinstance(declared.get(name, ""), str)]
    wrong += [n for n in _NUMBERS if declared.get(n) is not None and not _is_number(declared[n])]
    wrong += [name for name in _TRUTHS if not isinstance(declared.get(name, False), bool)]
    if declared["direction"] == "target" and declared.get("target") is None:
        wrong.append("target")
    if wrong:
        raise ValueError(f"{declared['name']}: {wrong[0]} cannot be {declared.get(wrong[0])!r}")


def _check_seeds(where: str, seeds: Any) -> None:
    if not isinstance(seeds, Sequence) or not all(type(seed) is int for seed in seeds):
        raise ValueError(f"{where}: seeds must be a list of whole numbers")
    doubled = sorted(seed for seed, times in Counter(seeds).items() if times > 1)
    if doubled:
        raise ValueError(f"{where}: the seed {doubled[0]} stands twice")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
