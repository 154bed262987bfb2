"""What every registered entry promises, kind by kind, as checks that can be run.

The same checks run over ganbench's own in its tests and over a user's file by `ganbench check FILE.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganbench import registry
from ganbench.contract.backends import runs_every_task
from ganbench.contract.claims import states_numbers
from ganbench.contract.datasets import (
    describes_itself,
    draws_examples,
    draws_repeat,
    holds_examples,
    shares_match,
)
from ganbench.contract.diagnostics import leaves_training_alone, measures, resumes
from ganbench.contract.extractors import extracts
from ganbench.contract.networks import fits_data, trains_in_a_gan
from ganbench.contract.options import options_matter
from ganbench.contract.promise import (
    Check,
    ContractFailure,
    definition_of,
    documented,
    names_its_source,
    says_how_to_read_it,
)
from ganbench.contract.variants import builds, counts_its_updates, repeats, trains, vectorizes
from ganbench.errors import GanbenchError
from ganbench.registry import Kind
from ganbench.user_code import user_code

__all__ = ["CHECKS", "Check", "ContractFailure", "check_file"]

CHECKS: dict[Kind, tuple[Check, ...]] = {
    "variant": (
        documented,
        names_its_source,
        builds,
        trains,
        counts_its_updates,
        repeats,
        vectorizes,
        options_matter,
    ),
    "dataset": (documented, describes_itself, draws_examples, draws_repeat, holds_examples, shares_match),
    "diagnostic": (documented, says_how_to_read_it, measures, leaves_training_alone, resumes),
    "network": (documented, fits_data, trains_in_a_gan),
    "extractor": (documented, extracts),
    "claim": (documented, states_numbers),
    "backend": (documented, runs_every_task),
    "update": (documented, names_its_source, trains, counts_its_updates, repeats, vectorizes),
}
"""The promises of each kind, in the order in which they are checked."""


def check_file(path: str | Path) -> Iterator[str]:
    """Register what a user's file decorates and check all of it; one line for each promise kept."""
    registry.include(path)
    entries = registry.entries_of(path)
    if not entries:
        raise GanbenchError(f"{path}: registers nothing; decorate a function, as with @register_variant(...)")
    for entry in entries:
        for check in CHECKS.get(entry.kind, (documented,)):
            with user_code(f"{entry.kind} {entry.name}", definition_of(entry)):
                remark = check(entry)
            promise = (check.__doc__ or "").split("\n", 1)[0].rstrip(".")
            yield f"{entry.kind} {entry.name}: {promise}" + (f" ({remark})" if remark else "")
