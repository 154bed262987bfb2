"""What a network promises: it fits the data and starts from the seed's stream."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from ganbench import streams
from ganbench.contract.cohorts import places_at_hand
from ganbench.contract.promise import CPU, FEW, ContractFailure, definition_of, require, same_bits
from ganbench.contract.variants import repeats, trains, vectorizes
from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.networks.construction import constructed
from ganbench.networks.network import Architecture
from ganbench.registry import Entry
from ganbench.training.batches import BatchSizes
from ganbench.training.construction import Construction, construct_game

SPECS = (DataSpec.real((2,)), DataSpec.real((1, 8, 8), (-1.0, 1.0)), DataSpec.real((1, 28, 28), (-1.0, 1.0)))
_LATENT = 4


def fits_data(entry: Entry) -> None:
    """Both networks have the shapes of the data, can be run over seeds, and start from the seed's stream."""
    fits = 0
    for spec in SPECS:
        pair = entry.factory()
        try:
            constructed(partial(_players, pair, spec), _stream("constructor"))
        except GanbenchError:
            continue
        fits += 1
        try:
            made, again = _built(pair, spec), _built(pair, spec)
        except GanbenchError as error:
            raise ContractFailure(f"{definition_of(entry)}: {entry.kind} {entry.name}: {error}") from error
        same = same_bits(made.params, again.params) and same_bits(made.buffers, again.buffers)
        require(same, entry, "its initial weights do not come from the given stream")
    require(fits, entry, f"it fits none of the shapes {', '.join(str(spec.shape) for spec in SPECS)}")


def trains_in_a_gan(entry: Entry) -> str | None:
    """A small GAN of both networks trains, repeats in every bit, and runs over all seeds at once."""
    if not places_at_hand(entry):
        return "on no data set at hand"
    trains(entry)
    repeats(entry)
    return vectorizes(entry)


def _players(pair: Architecture, spec: DataSpec) -> dict[str, nn.Module]:
    return {"generator": pair.generator(_LATENT, spec), "discriminator": pair.discriminator(spec)}


def _built(pair: Architecture, spec: DataSpec) -> Construction:
    def loss(networks: Networks, batch: Batch) -> Tensor:
        return networks.discriminator(networks.generator(batch.noise)).mean()

    return construct_game(
        lambda: Game(
            _players(pair, spec),
            {"generator": loss, "discriminator": loss},
            {"noise": RandomInput((_LATENT,))},
        ),
        [_stream],
        spec,
        BatchSizes(FEW, FEW),
        CPU,
        torch.float32,
    )


def _stream(part: str) -> torch.Generator:
    return streams.generator(0, f"contract/{part}")
