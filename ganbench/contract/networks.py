"""What a network promises: it fits the data and starts from the seed's stream."""

from __future__ import annotations

import torch
from torch.func import functional_call

from ganbench import streams
from ganbench.contract.promise import FEW, require, same_bits
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.initialize import initial_state, refuse_unusable
from ganbench.registry import Entry

_SPECS = (DataSpec.real((2,)), DataSpec.real((1, 8, 8), (-1.0, 1.0)), DataSpec.real((1, 28, 28), (-1.0, 1.0)))


def fits_data(entry: Entry) -> None:
    """Both networks have the shapes of the data, can be run over seeds, and start from the seed's stream."""
    fits = 0
    for spec in _SPECS:
        pair = entry.factory()
        try:
            with torch.device("meta"):
                templates = (pair.generator(4, spec), pair.discriminator(spec))
        except GanbenchError:
            continue
        fits += 1
        inputs = (torch.zeros(FEW, 4), torch.zeros(FEW, *spec.shape))
        for template, given, shape in zip(templates, inputs, ((FEW, *spec.shape), (FEW,)), strict=True):
            refuse_unusable(template)
            params, buffers = initial_state(template, streams.generator(0, "contract"))
            again, _ = initial_state(template, streams.generator(0, "contract"))
            require(same_bits(params, again), entry, "its initial weights do not come from the given stream")
            output = functional_call(template, {**params, **buffers}, (given,))
            require(output.shape == shape, entry, f"it gives shape {tuple(output.shape)} for {shape}")
    require(fits, entry, f"it fits none of the shapes {', '.join(str(spec.shape) for spec in _SPECS)}")
