"""Planted defects in update rules, optimizers, moving averages, random streams and the budget."""

from __future__ import annotations

from ganbench.selftest.defect import EVERYWHERE, Defect

OF_TRAINING: tuple[Defect, ...] = (
    Defect(
        "ema-never-updated",
        "the generator's moving average stays at the initial weights",
        "training/field.py",
        "if player in variant.averages:",
        "if not lasting and player in variant.averages:",
        ("rpgan-r1r2",),
        EVERYWHERE,
        "update",
    ),
    Defect(
        "stale-samples",
        "the discriminator is shown samples of the averaged generator, which lags behind",
        "training/field.py",
        ".function((state.params, state.buffers, read))",
        '.function(({**state.params, **(state.averages if player == "discriminator" else {})}, '
        "state.buffers, read))",
        ("rpgan-r1r2",),
        EVERYWHERE,
        "update",
    ),
    Defect(
        "clip-forgotten",
        "the projection is looked up under a wrong name: weights are never clipped",
        "training/field.py",
        "variant.projections.get(player)",
        'variant.projections.get("critic")',
        ("wgan",),
        EVERYWHERE,
        "update",
    ),
    Defect(
        "rmsprop-sum",
        "RMSProp adds up squared gradients without the share of the new one",
        "optimizers.py",
        "torch._foreach_mul_(square, self.decay)",
        "torch._foreach_mul_(square, self.decay / (1 - self.decay))",
        ("wgan",),
        EVERYWHERE,
        "update",
    ),
    Defect(
        "ema-inverted",
        "the moving average's decay and its complement are exchanged",
        "optimizers.py",
        "torch._foreach_lerp_(old, new, 1 - decay)",
        "torch._foreach_lerp_(old, new, decay)",
        ("rpgan-r1r2",),
        EVERYWHERE,
        "update",
    ),
    Defect(
        "pairs-drawn-anew",
        "the generator is shown other real examples than the discriminator was",
        "updates/alternating.py",
        "move(field, turns.generating, batch)",
        "move(field, turns.generating)",
        ("rpgan-r1r2",),
        EVERYWHERE,
        "update",
        explanation=(
            "The gradient is estimated from other examples of the same distribution: as good, and "
            "other numbers, which the golden trace sees."
        ),
    ),
    Defect(
        "fixed-noise",
        "every step draws its random inputs with the same seed",
        "training/batches.py",
        "draw_random_input(self._streams[name], item, self._sizes.draws, self._dtype)",
        'self.__dict__.setdefault(f"first_{name}", '
        "draw_random_input(self._streams[name], item, self._sizes.draws, self._dtype))",
        ("nsgan", "wgan-gp"),
        EVERYWHERE,
        "randomness",
        beyond="all variants",
    ),
    Defect(
        "noise-by-place",
        "a seed's noise depends on its place in the cohort, not on the seed",
        "training/batches.py",
        "SeedStreams(seeds, name, device) for name in",
        "SeedStreams(range(len(seeds)), name, device) for name in",
        ("nsgan",),
        EVERYWHERE,
        "randomness",
        beyond="all variants",
        explanation=(
            "Every seed's noise is as good as before, and not its own: nothing to see in quality, "
            "only in which numbers a seed gets."
        ),
    ),
    Defect(
        "unseeded-initialization",
        "initial weights are seeded by the clock",
        "training/construction.py",
        'streams.generator(seed, f"initial/{part}")',
        'streams.generator(__import__("time").time_ns(), f"initial/{part}")',
        ("wgan",),
        EVERYWHERE,
        "randomness",
        beyond="all variants",
        explanation=(
            "Initial weights have the same distribution: nothing to see in quality, only when a run "
            "is repeated."
        ),
    ),
    Defect(
        "last-round-missing",
        "the last round of the budget is not trained",
        "training/budget.py",
        "rounds.append(int((budget.amount * end - spent) // cost))",
        "rounds.append(int((budget.amount * end - spent) // cost) - 1)",
        ("wgan",),
        EVERYWHERE,
        "budget",
        beyond="all variants",
        explanation="One round of five hundred is missing.",
    ),
    Defect(
        "budget-off-by-one",
        "the budget counts one critic update too few in each round",
        "updates/alternating.py",
        "updates = dict.fromkeys(turns.judging, turns.n_critic)",
        "updates = dict.fromkeys(turns.judging, max(turns.n_critic - 1, 1))",
        ("wgan", "wgan-gp"),
        EVERYWHERE,
        "budget",
        explanation=(
            "A quarter more training than the budget says: results get better, which is never red. "
            "The contract tests count what a round does, and the golden trace keeps what it says."
        ),
    ),
)
