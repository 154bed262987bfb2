"""What a feature extractor promises: named features, the same for an example whatever stands beside it."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from ganbench import streams
from ganbench.contract.networks import SPECS
from ganbench.contract.promise import FEW, require
from ganbench.extractors import FEATURES, Extractor
from ganbench.game import DataSpec
from ganbench.registry import Entry

_ROUNDING = 1e-4


def extracts(entry: Entry) -> str | None:
    """It gives each of its layers for the examples that it takes, alone or in company, and draws nothing."""
    extractor = entry.factory()
    require(isinstance(extractor, Extractor), entry, "it makes no Extractor")
    require(extractor.layers[0] == FEATURES, entry, f"its first layer is not called {FEATURES!r}")
    json.dumps([extractor.protocol(layer) for layer in extractor.layers])
    taken = [spec for spec in SPECS if extractor.refusal(spec) is None]
    for spec in taken:
        examples = _examples(spec)
        before = torch.get_rng_state()
        with torch.no_grad():
            together, again, alone = extractor(examples), extractor(examples), extractor(examples[:1])
        require(torch.equal(torch.get_rng_state(), before), entry, "it draws from torch's global generator")
        for layer in extractor.layers:
            require(layer in together, entry, f"it does not give its layer {layer!r}")
            values = together[layer]
            shape = tuple(values.shape)
            require(len(shape) == 2 and shape[0] == FEW, entry, f"{layer}: shape {shape}, not [{FEW}, F]")
            require(values.is_floating_point() and values.isfinite().all(), entry, f"{layer}: not finite")
            require(torch.equal(values, again[layer]), entry, f"{layer}: other numbers when asked again")
            near = torch.allclose(values[:1], alone[layer], _ROUNDING, _ROUNDING)
            require(near, entry, f"{layer}: an example's values depend on the examples beside it")
    return None if taken else f"tried on none of {', '.join(str(spec.shape) for spec in SPECS)}"


def features_of(entry: Entry) -> dict[str, Tensor]:
    """All layers of some examples of each shape that it takes."""
    extractor = entry.factory()
    with torch.no_grad():
        return {
            f"{layer} of {spec.shape}": values
            for spec in SPECS
            if extractor.refusal(spec) is None
            for layer, values in extractor(_examples(spec)).items()
        }


def _examples(spec: DataSpec) -> Tensor:
    return 2 * torch.rand((FEW, *spec.shape), generator=streams.generator(0, "contract")) - 1
