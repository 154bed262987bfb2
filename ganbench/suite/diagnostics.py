"""Which diagnostics a suite measures: those named or the default ones, and what ranks on each data set."""

from __future__ import annotations

import json
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ganbench import registry
from ganbench.datasets import Dataset, Primary
from ganbench.diagnostics.diagnostic import Diagnostic, NotApplicable, build, by_default
from ganbench.errors import GanbenchError, nearest
from ganbench.suite.expand import expand_list
from ganbench.suite.labels import LocatedChoice, choose
from ganbench.suite.locations import ErrorCollector, Items, Location, Mapping, Node, Pair, from_plain
from ganbench.suite.model import DiagnosticsSection, fields_of
from ganbench.suite.options import WRONG, check_keys, read_value
from ganbench.suite.settings import Setting, options_of, settings
from ganbench.training.description import Choice


@dataclass(frozen=True)
class Chosen:
    """The diagnostics of a suite, and the labels of those that its user wrote."""

    diagnostics: Sequence[LocatedChoice]
    named: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Measured:
    """What is measured: the diagnostics, the labels of those that apply to each data set, and what was added.

    `added` has the labels of diagnostics that nobody chose, each with the data sets that it ranks.
    """

    diagnostics: Sequence[LocatedChoice] = ()
    applicable: MappingOf[str, tuple[str, ...]] = field(default_factory=dict)
    added: MappingOf[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Tried:
    """A diagnostic on a data set: the names of its quantities, or why it does not apply."""

    quantities: tuple[str, ...] = ()
    refusal: str | None = None
    by_round: bool = False
    """Whether it is also asked after every round."""


def chosen_diagnostics(node: Node | None, collector: ErrorCollector, silent: bool = False) -> Chosen:
    """The diagnostics of a list, of `{add, remove}`, or where nothing is written the default ones."""
    if node is None:
        return Chosen(choose(_default_settings(Location(1, 1), collector), collector))
    if isinstance(node, Mapping) and any(pair.key in fields_of(DiagnosticsSection) for pair in node.pairs):
        return _changed_defaults(node, collector, silent)
    placed = choose(expand_list("diagnostic", node, "diagnostics", collector, silent), collector)
    return Chosen(placed, frozenset(item.choice.label for item in placed))


def _changed_defaults(node: Mapping, collector: ErrorCollector, silent: bool) -> Chosen:
    """The default diagnostics without those to remove; one that is added takes the place of its default."""
    nodes = check_keys(node, fields_of(DiagnosticsSection), "key", "diagnostics", collector)
    added = (
        expand_list("diagnostic", nodes["add"], "diagnostics: add", collector, silent)
        if "add" in nodes
        else []
    )
    default = _default_settings(node.location, collector)
    gone = _removed(nodes.get("remove"), [setting.name for setting in default], collector)
    gone |= {setting.name for setting in added}
    kept = [setting for setting in default if setting.name not in gone]
    placed = choose([*kept, *added], collector)
    return Chosen(placed, frozenset(item.choice.label for item in placed[len(kept) :]))


def _removed(node: Node | None, known: Sequence[str], collector: ErrorCollector) -> set[str]:
    names = [] if node is None else read_value(node, list[str], "diagnostics: remove", collector)
    if names is WRONG or not isinstance(node, Items):
        return set()
    for name, item in zip(names, node.nodes, strict=True):
        if name not in known:
            text = f"diagnostics: remove: {name!r} is no default diagnostic{nearest(name, known)}"
            collector.add(item.location, text)
    return set(names)


def _default_settings(location: Location, collector: ErrorCollector) -> list[Setting]:
    """Every registered diagnostic that needs no option, but those that must be named."""
    return [
        setting
        for name in registry.names("diagnostic")
        if by_default(name) and not any(o.required for o in options_of("diagnostic", name).values())
        for setting in settings("diagnostic", Pair(name, location, Mapping(location, ())), collector)
    ]


def measured(
    chosen: Chosen,
    datasets: MappingOf[str, Dataset],
    places: MappingOf[str, Location],
    collector: ErrorCollector,
) -> Measured:
    """What applies to which data set, with the diagnostic of its primary quantity where none has it.

    Notes what does not go together, and diagnostics that the user named and that apply nowhere.
    """
    diagnostics = list(chosen.diagnostics)
    refusals: dict[str, list[str]] = {}
    applicable: dict[str, tuple[str, ...]] = {}
    added: dict[str, tuple[str, ...]] = {}
    for label, dataset in datasets.items():
        tried = {
            item.choice.label: _try(
                item.choice,
                dataset,
                item.location if item.choice.label in chosen.named else places[label],
                collector,
            )
            for item in chosen.diagnostics
        }
        for name, outcome in tried.items():
            if outcome.refusal is not None:
                refusals.setdefault(name, []).append(f"{label}: {outcome.refusal}")
        _check_distinct(chosen.diagnostics, tried, collector)
        labels = [name for name, outcome in tried.items() if outcome.refusal is None]
        if _lacks_primary(dataset, tried):
            item = _of_primary(label, dataset, tried, diagnostics, places[label], collector)
            if item is not None:
                labels.append(item.choice.label)
                added[item.choice.label] = (*added.get(item.choice.label, ()), label)
                diagnostics += [] if item in diagnostics else [item]
        applicable[label] = tuple(labels)
    _check_useful(
        [item for item in chosen.diagnostics if item.choice.label in chosen.named],
        refusals,
        len(datasets),
        collector,
    )
    used = {name for labels in applicable.values() for name in labels}
    return Measured([item for item in diagnostics if item.choice.label in used], applicable, added)


def _try(choice: Choice, dataset: Dataset, location: Location, collector: ErrorCollector) -> _Tried:
    try:
        made = build(choice.name, dataset, choice.options)
        by_round = type(made).on_round is not Diagnostic.on_round
        return _Tried(tuple(quantity.name for quantity in made.quantities), by_round=by_round)
    except NotApplicable as error:
        return _Tried(refusal=str(error) or "does not apply")
    except GanbenchError as error:
        collector.add(location, f"diagnostic {choice.label!r}: {error}")
    except Exception as error:  # a factory may fail in any way on values its types allow
        text = f"diagnostic {choice.label!r} cannot be made: {type(error).__name__}: {error}"
        collector.add(location, f"{text}; change its options")
    return _Tried(refusal="cannot be made")


def _check_distinct(
    chosen: Sequence[LocatedChoice], tried: dict[str, _Tried], collector: ErrorCollector
) -> None:
    """What is recorded after every round must have a name of its own; others get names that differ."""
    owner: dict[str, str] = {}
    for item in chosen:
        label = item.choice.label
        for quantity in tried[label].quantities:
            first = owner.setdefault(quantity, label)
            if first != label and (tried[label].by_round or tried[first].by_round):
                text = f"{label!r} and {first!r} both measure {quantity!r}; keep one of them"
                collector.add(item.location, text)


def _lacks_primary(dataset: Dataset, tried: MappingOf[str, _Tried]) -> bool:
    """Whether no diagnostic has the quantity that ranks, though all that were asked for could be made."""
    outcomes = tried.values()
    if any(outcome.refusal == "cannot be made" for outcome in outcomes):
        return False
    return not any(dataset.info.primary.quantity in outcome.quantities for outcome in outcomes)


def _of_primary(
    label: str,
    dataset: Dataset,
    tried: MappingOf[str, _Tried],
    taken: Sequence[LocatedChoice],
    location: Location,
    collector: ErrorCollector,
) -> LocatedChoice | None:
    """The diagnostic that a data set is ranked by, or None after noting why it cannot be added."""
    primary, before = dataset.info.primary, len(collector.mistakes)
    item = _placed(primary, taken, location, collector)
    if item is None:
        return None
    outcome = _try(item.choice, dataset, location, collector)
    if len(collector.mistakes) > before:
        return None
    text = f"data set {label!r} is ranked by {primary.quantity!r}, which"
    others = [name for name, other in tried.items() if {*other.quantities} & {*outcome.quantities}]
    if primary.quantity not in outcome.quantities:
        why = f" ({outcome.refusal})" if outcome.refusal else ""
        collector.add(location, f"{text} its diagnostic {_as_written(primary)} does not measure{why}")
    elif others:
        remedy = f"put {_as_written(primary)} in place of {others[0]!r}"
        collector.add(location, f"{text} no chosen diagnostic measures; {remedy}")
    else:
        return item
    return None


def _placed(
    primary: Primary, taken: Sequence[LocatedChoice], location: Location, collector: ErrorCollector
) -> LocatedChoice | None:
    """A primary quantity's diagnostic: the one that was placed before, else one under a label of its own."""
    pair = Pair(primary.diagnostic, location, from_plain(dict(primary.options), location))
    made = choose(settings("diagnostic", pair, collector), collector)
    if not made:
        return None
    choice, label = made[0].choice, made[0].choice.label
    for item in taken:
        if (item.choice.name, item.choice.options) == (choice.name, choice.options):
            return item
    while label in {item.choice.label for item in taken}:
        label = f"{label} (primary)"
    return replace(made[0], choice=replace(choice, label=label))


def _as_written(primary: Primary) -> str:
    """The diagnostic of a primary quantity as a suite lists it."""
    if not primary.options:
        return repr(primary.diagnostic)
    options = ", ".join(f"{name}: {json.dumps(value)}" for name, value in primary.options.items())
    return f"{{{primary.diagnostic}: {{{options}}}}}"


def _check_useful(
    chosen: Sequence[LocatedChoice], refusals: dict[str, list[str]], datasets: int, collector: ErrorCollector
) -> None:
    for item in chosen:
        reasons = refusals.get(item.choice.label, [])
        if datasets and len(reasons) == datasets and not any("cannot be made" in r for r in reasons):
            text = f"diagnostic {item.choice.label!r} applies to no data set here ({'; '.join(reasons)})"
            collector.add(item.location, f"{text}; remove it")
