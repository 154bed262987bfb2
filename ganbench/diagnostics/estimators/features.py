"""Which extractor a diagnostic uses on a data set."""

from __future__ import annotations

from typing import Any

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.errors import GanbenchError
from ganbench.extractors import Extractor

AUTO = "auto"
ExtractorChoice = str | dict[str, Any]
"""`auto`, or a registered extractor: its name, or {name: {option: value}}."""


def chosen_extractor(dataset: Dataset, choice: ExtractorChoice) -> Extractor | None:
    """The chosen extractor; for `auto` the one that goes by the data set's name, None where there is none.

    Raises NotApplicable where it cannot take the data set's examples.
    """
    name = dataset.info.name
    if choice == AUTO:
        if name not in registry.names("extractor"):
            return None
        choice = name
    extractor = registry.build("extractor", choice)
    if not isinstance(extractor, Extractor):
        raise GanbenchError(f"extractor {choice!r} makes a {type(extractor).__name__}, not an Extractor")
    refusal = extractor.refusal(dataset.info.spec)
    if refusal is not None:
        raise NotApplicable(f"{name}: {refusal}, not {dataset.info.spec.shape}")
    return extractor
