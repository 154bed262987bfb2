"""What an entry may say beside its name: a label, and a variant its own budget, seeds and data sets."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.errors import nearest
from ganbench.registry import Kind
from ganbench.suite.locations import ErrorCollector, Items, Location, Mapping, Node, Pair
from ganbench.suite.model import VariantEntry, fields_of
from ganbench.suite.options import WRONG, read_value
from ganbench.suite.sections import read_budget, read_seeds
from ganbench.training.description import Budget, Choice

LABEL = "label"
OF_VARIANTS = tuple(fields_of(VariantEntry))


@dataclass(frozen=True)
class VariantOverrides:
    """What a variant's entry says for itself; None: what the suite says."""

    budget: Budget | None = None
    seeds: tuple[int, ...] | None = None
    on: tuple[str, ...] | None = None
    """Labels or names of the data sets that it is for."""

    def is_for(self, dataset: Choice) -> bool:
        """Whether the variant is to be trained on a data set."""
        return self.on is None or dataset.label in self.on or dataset.name in self.on


NO_OVERRIDES = VariantOverrides()


@dataclass(frozen=True)
class Overrides:
    """All that an entry says beside its name, and where its budget is written."""

    label: str | None = None
    overrides: VariantOverrides = NO_OVERRIDES
    budget_location: Location | None = None
    on_locations: tuple[Location, ...] = ()


def override_keys(kind: Kind) -> tuple[str, ...]:
    """The keys that may stand beside a name."""
    return (LABEL, *OF_VARIANTS) if kind == "variant" else (LABEL,)


def read_overrides(kind: Kind, node: Mapping, collector: ErrorCollector) -> Overrides:
    """The known keys of an entry beside its name."""
    found = {key: pair.node for key in override_keys(kind) if (pair := node.get(key)) is not None}
    budget = read_budget(found["budget"], collector) if "budget" in found else None
    seeds = read_seeds(found["seeds"], collector) if "seeds" in found else None
    location = found["budget"].location if budget is not None else None
    on, on_locations = _read_on(found.get("on"), collector)
    return Overrides(
        _read_label(node.get(LABEL), collector), VariantOverrides(budget, seeds, on), location, on_locations
    )


def _read_on(
    node: Node | None, collector: ErrorCollector
) -> tuple[tuple[str, ...] | None, tuple[Location, ...]]:
    """The data sets named under `on`, and where each is written."""
    on = WRONG if node is None else read_value(node, list[str], "on", collector)
    if on is WRONG:
        return None, ()
    assert isinstance(node, Items)
    return tuple(on), tuple(item.location for item in node.nodes)


def misplaced_key(kind: Kind, title: str, name: str, pair: Pair, fits_elsewhere: bool) -> str:
    """What to do about a key that stands beside a name without being known there."""
    text = f"{pair.key!r} stands beside {name!r}"
    if pair.key in OF_VARIANTS:
        return f"{text}, but a {title} has no {pair.key} of its own; write it at the top, or beside a variant"
    close = nearest(pair.key, override_keys(kind))
    if "did you mean" in close and not fits_elsewhere:
        return f"{text}{close}"
    return f"{text}; indent it further if it is an option, or begin it with '- '"


def _read_label(pair: Pair | None, collector: ErrorCollector) -> str | None:
    if pair is None:
        return None
    label = read_value(pair.node, str, LABEL, collector)
    if label is WRONG:
        return None
    if not label.strip() or len(label) > 80 or not label.isprintable() or set(label) & set("/\\"):
        collector.add(
            pair.node.location, "a label must be 1 to 80 printable characters without / and \\; shorten it"
        )
    return str(label)
