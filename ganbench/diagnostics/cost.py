"""What training cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, Snapshot, register_diagnostic
from ganbench.game import PLAYERS


@register_diagnostic("cost")
def cost(dataset: Dataset) -> Diagnostic:
    """Training seconds, real images per second, parameters and peak memory, per trial.

    What good looks like: as little as the ranking beside it allows.  Seconds exclude measuring,
    tracing and compiling; a trial's are its cohort's divided by the seeds trained at once, and
    images per second count all of them.  Peak memory is that of the whole cohort's process (on a
    GPU: of its tensors).

    Blind to: what another machine would take.  Timings are comparable on one machine only.
    """
    return _Cost()


class _Cost(Diagnostic):
    describes_training = True

    def __init__(self) -> None:
        self.quantities = self._declared(PLAYERS)

    def _declared(self, players: Iterable[str]) -> tuple[Quantity, ...]:
        shared, rate = partial(Quantity, shared=True), "Real images per second, all seeds of a cohort"
        return (
            shared("training_seconds", "Training time of one trial", "s", timing=True),
            shared("images_per_second", rate, "1/s", timing=True),
            shared("peak_memory", "Peak memory of the cohort's process", "byte"),
            *(shared(f"parameters_{player}", f"Parameters of the {player}") for player in players),
        )

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S], the same for all seeds of the cohort."""
        throughput, seeds, counts = snapshot.throughput(), len(snapshot.seeds), snapshot.parameter_counts()
        self.quantities = self._declared(counts)
        values = {
            "training_seconds": throughput["seconds"] / seeds,
            "images_per_second": throughput["images_per_second"],
            "peak_memory": throughput["peak_memory"],
            **{f"parameters_{player}": float(n) for player, n in counts.items()},
        }
        return {name: torch.full((seeds,), value, dtype=torch.float64) for name, value in values.items()}
