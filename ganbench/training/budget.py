"""Budgets: how many rounds a budget buys, when to measure, and a clock that can be paused."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ganbench.errors import GanbenchError
from ganbench.schedules import is_constant
from ganbench.training.description import Budget
from ganbench.variants.variant import Variant


def round_cost(budget: Budget, variant: Variant, flops_per_round: Callable[[], float]) -> float | None:
    """What one round takes of the budget, in its own unit; None for seconds, which only a clock knows."""
    constant = all(is_constant(optimizer.learning_rate) for optimizer in variant.optimizers.values())
    if budget.unit == "seconds" and not constant:
        raise GanbenchError(
            "under a budget in seconds a learning rate that follows the budget would depend on the machine; "
            "give a constant rate, or a budget in images, steps or flops"
        )
    if budget.unit == "images":
        return sum(variant.update.real_batches.values()) * variant.reals_per_batch
    if budget.unit == "steps":
        return variant.update.steps
    if budget.unit == "flops":
        return flops_per_round()
    return None


def rounds_by_stage(budget: Budget, costs: Sequence[tuple[float, float]]) -> list[int]:
    """The rounds of each stage, given (the share of the budget at which it ends, what a round costs).

    A round that would exceed the budget is not taken; what a stage leaves over is the next one's.
    """
    rounds, spent = [], 0.0
    for end, cost in costs:
        if cost == 0:
            raise GanbenchError(f"a round of this game costs 0 {budget.unit}; choose another budget")
        rounds.append(int((budget.amount * end - spent) // cost))
        spent += rounds[-1] * cost
        if rounds[-1] < 1:
            whose = "" if len(costs) == 1 else f" of stage {len(rounds)}"
            raise GanbenchError(
                f"a budget of {budget.amount:g} {budget.unit} is less than one round{whose} ({cost:g} "
                f"{budget.unit})"
            )
    return rounds


def measuring_rounds(fractions: Sequence[float], parts: Sequence[tuple[float, int]]) -> list[int]:
    """The rounds after which to measure, ascending; fractions that fall together are measured once.

    `parts` are the stages: the share of the budget at which each ends, and its rounds.
    """
    return sorted({_round_at(fraction, parts) for fraction in fractions})


def _round_at(fraction: float, parts: Sequence[tuple[float, int]]) -> int:
    begin, before = 0.0, 0
    for end, rounds in parts:
        if fraction <= end:
            return before + round((fraction - begin) / (end - begin) * rounds)
        begin, before = end, before + rounds
    return before


class Clock:
    """Seconds of training: runs between `start` and `pause`, measuring is free."""

    def __init__(self, elapsed: float = 0.0) -> None:
        self._elapsed = elapsed
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Training seconds so far."""
        return self._elapsed + (0.0 if self._since is None else time.perf_counter() - self._since)

    def start(self) -> None:
        """Let it run."""
        self._since = time.perf_counter()

    def pause(self) -> None:
        """Stop it until the next start."""
        self._elapsed, self._since = self.seconds, None
