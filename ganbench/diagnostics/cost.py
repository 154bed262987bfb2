"""What training cost."""

from __future__ import annotations

from collections.abc import Mapping

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


class _Cost:
    describes_training = True

    def __init__(self) -> None:
        self.quantities = (
            Quantity("training_seconds", "Training time of one trial", "s"),
            Quantity("images_per_second", "Real images per second, all seeds of a cohort", "1/s"),
            Quantity("peak_memory", "Peak memory of the cohort's process", "byte"),
            *(Quantity(f"parameters_{player}", f"Parameters of the {player}") for player in PLAYERS),
        )

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S], the same for all seeds of the cohort."""
        throughput, seeds = snapshot.throughput(), len(snapshot.seeds)
        values = {
            "training_seconds": throughput["seconds"] / seeds,
            "images_per_second": throughput["images_per_second"],
            "peak_memory": throughput["peak_memory"],
            **{f"parameters_{player}": float(n) for player, n in snapshot.parameter_counts().items()},
        }
        return {name: torch.full((seeds,), value, dtype=torch.float64) for name, value in values.items()}
