"""Speed of the product against ordinary PyTorch, in one run on this machine.

    python ci/speed.py [--quick] [--out results/speed]

Ten seeds on `ring8` in float32, two hidden layers.  The product runs as `ganbench run` does, with its
default diagnostics and processes; its time is training plus measuring, the slowest process counting.
Tracing (or compiling) and the start of processes are reported apart.  The plain loop is what most
repositories have: one seed after another, torch.nn and torch.optim, default threads, no measuring;
it is timed for some rounds, in two halves around the product's run, and scaled to the same number.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench import store
from ganbench.datasets.mixtures import ring8
from ganbench.execution.environment import environment
from ganbench.execution.runner import execute, make_plan
from ganbench.suite.load import load_suite

SEEDS, LATENT = 10, 2
SIZES = {(32, 64): (20_000, 12.0), (128, 128): (5_000, 3.0), (128, 512): (2_000, 1.7)}
"""(width, batch) to the rounds of nsgan and the ratio to reach; wgan-gp has a fifth of the rounds."""

SUITE = """
name: speed
datasets: [ring8]
variants:
  - {variant}:
      network: {{mlp: {{width: {width}}}}}
      latent_dim: 2
      batch_size: {batch}
      learning_rate: 1e-4
seeds: {seeds}
budget: {{steps: {steps}}}
"""


def perceptron(inputs: int, outputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return 10 * (gradient.norm(2, dim=1) - 1).square().mean()


class PlainLoop:
    """One seed's ordinary training; a call is one round."""

    def __init__(self, variant: str, width: int, batch: int) -> None:
        self.wasserstein, self.batch = variant == "wgan-gp", batch
        self.generator, self.critic = perceptron(LATENT, 2, width), perceptron(2, 1, width)
        betas = (0.0, 0.9) if self.wasserstein else (0.9, 0.999)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), 1e-4, betas)
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), 1e-4, betas)
        self.data = ring8()

    def __call__(self) -> None:
        for _ in range(5 if self.wasserstein else 1):
            self.critic_step()
        fake = self.critic(self.generator(torch.randn(self.batch, LATENT)))
        loss = -fake.mean() if self.wasserstein else softplus(-fake).mean()
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()

    def critic_step(self) -> None:
        component = torch.randint(8, (self.batch,))
        real = self.data.means.float()[component] + 0.02 * torch.randn(self.batch, 2)
        with torch.no_grad():
            fake = self.generator(torch.randn(self.batch, LATENT))
        if self.wasserstein:
            loss = self.critic(fake).mean() - self.critic(real).mean()
            loss = loss + gradient_penalty(self.critic, real, fake)
        else:
            loss = softplus(-self.critic(real)).mean() + softplus(self.critic(fake)).mean()
        self.critic_adam.zero_grad()
        loss.backward()
        self.critic_adam.step()


def seconds_a_round(step: Callable[[], None], seconds: float) -> list[float]:
    """Times of blocks of twenty rounds, for about `seconds`, after a warm-up."""
    for _ in range(20):
        step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        for _ in range(20):
            step()
        times.append((time.perf_counter() - began) / 20)
    return times


def product(variant: str, width: int, batch: int, rounds: int) -> dict[str, float]:
    """Seconds of the product for all seeds: training, measuring, preparing."""
    steps = rounds * (5 if variant == "wgan-gp" else 1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speed.yaml"
        file.write_text(SUITE.format(variant=variant, width=width, batch=batch, seeds=SEEDS, steps=steps))
        suite = load_suite(file)
        plan = make_plan(suite, Path(folder) / "run", torch.device("cpu"))
        began = time.perf_counter()
        execute(suite, plan, lambda event: None)
        wall = time.perf_counter() - began
        outcomes = [store.read_json(f / store.OUTCOME_FILE) for f in store.cohort_folders(plan.run)]
    slowest = max(outcomes, key=lambda outcome: outcome["seconds"] + outcome["measuring_seconds"])
    return {
        "training": slowest["seconds"],
        "measuring": slowest["measuring_seconds"],
        "preparing": slowest["execution"]["preparation_seconds"],
        "wall": wall,
        "processes": len(outcomes),
    }


def compare(variant: str, width: int, batch: int, rounds: int, seconds: float) -> dict[str, float]:
    loop = PlainLoop(variant, width, batch)
    before = seconds_a_round(loop, seconds)
    ours = product(variant, width, batch, rounds)
    plain = statistics.median(before + seconds_a_round(loop, seconds)) * rounds * SEEDS
    return {**ours, "plain": plain, "ratio": plain / (ours["training"] + ours["measuring"])}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds: measuring weighs more")
    parser.add_argument("--out", type=Path, help="folder for speed.md")
    arguments = parser.parse_args()
    share = 0.1 if arguments.quick else 1.0
    lines = [
        "| variant | width/batch | rounds | plain, s | training, s | measuring, s | preparing, s "
        "| whole run, s | ratio | to reach |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    print("\n".join(lines), flush=True)
    for variant in ("nsgan", "wgan-gp"):
        for (width, batch), (rounds, wanted) in SIZES.items():
            count = int(rounds * share / (5 if variant == "wgan-gp" else 1))
            row = compare(variant, width, batch, count, 4 * max(share, 0.25))
            lines.append(
                f"| {variant} | {width}/{batch} | {count} | {row['plain']:.1f} | {row['training']:.1f} | "
                f"{row['measuring']:.1f} | {row['preparing']:.1f} | {row['wall']:.1f} | {row['ratio']:.1f} "
                f"| {wanted} |"
            )
            print(lines[-1], flush=True)
    made_on = environment(torch.device("cpu"))
    lines.append(
        f"\nTen seeds on ring8, float32; {made_on['cpu']}, {made_on['cores']} cores, torch "
        f"{made_on['packages']['torch']}, {torch.get_num_threads()} threads for the plain loop, Python "
        f"{platform.python_version()}."
    )
    print(lines[-1])
    if arguments.out:
        store.write_atomic(arguments.out / "speed.md", ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
