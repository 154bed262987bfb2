"""What a suite's claims promise: numbers with a source, about variants and data sets that there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ganbench import registry
from ganbench.claims import Claim
from ganbench.contract.promise import require
from ganbench.registry import Entry, Kind


def states_numbers(entry: Entry) -> None:
    """Every claim is a number with a source and a name of its own, of names and options that exist."""
    claims: tuple[Claim, ...] = entry.factory()
    require(claims, entry, "it states nothing")
    odd = [claim for claim in claims if not isinstance(claim, Claim)]
    require(not odd, entry, f"it returns {odd[:1]}, which is no Claim")
    for name, count in Counter(claim.name for claim in claims).items():
        require(count == 1, entry, f"{count} claims are called {name!r}")
    for claim in claims:
        require(math.isfinite(claim.expected), entry, f"{claim.name!r} expects {claim.expected}")
        negative = claim.tolerance is not None and claim.tolerance < 0
        require(not negative, entry, f"{claim.name!r} has a negative tolerance")
        require(claim.source.strip(), entry, f"{claim.name!r} names no source")
        _exist(entry, claim, "variant", claim.where.variant, claim.where.options)
        _exist(entry, claim, "dataset", claim.where.dataset, claim.where.data)


def _exist(entry: Entry, claim: Claim, kind: Kind, name: str | None, options: Mapping[str, Any]) -> None:
    if name is None:
        return
    require(name in registry.names(kind), entry, f"{claim.name!r}: there is no {kind} {name!r}")
    unknown = set(options) - set(registry.get(kind, name).options)
    require(not unknown, entry, f"{claim.name!r}: {kind} {name} has no option {', '.join(sorted(unknown))}")
