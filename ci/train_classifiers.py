"""Train the classifiers whose features the diagnostic `fidelity` compares, and write their weights.

    python ci/train_classifiers.py digits mnist fashion_mnist

MNIST's files are looked for where ganbench looks ($GANBENCH_DATA).  The same machine and torch version
write the same bytes again; every random number comes from a named stream.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from ganbench import registry
from ganbench.datasets import Split
from ganbench.datasets.images import ImageDataset
from ganbench.extractors.classifiers import ARCHITECTURES, WEIGHTS
from ganbench.streams import generator

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """How one classifier is trained; shifts are in pixels, each way, drawn anew for every batch."""

    epochs: int
    batch: int = 100
    rate: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    shift: int = 1
    flip: bool = False


RECIPES = {
    "digits": Recipe(epochs=120, batch=50, shift=1),
    "mnist": Recipe(epochs=14, shift=2),
    "fashion_mnist": Recipe(epochs=18, shift=1, flip=True),
}


def initialize(model: nn.Module, source: torch.Generator) -> None:
    """He's normal initialization from a passed generator; biases zero."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=source)
        else:
            nn.init.zeros_(parameter)


def augment(images: Tensor, recipe: Recipe, source: torch.Generator) -> Tensor:
    """The batch moved by one random shift, background at the edges, and perhaps mirrored."""
    margin = recipe.shift
    dy, dx = torch.randint(0, 2 * margin + 1, (2,), generator=source).tolist()
    padded = functional.pad(images, (margin,) * 4, value=-1.0)
    moved = padded[..., dy : dy + images.shape[-2], dx : dx + images.shape[-1]]
    mirror = recipe.flip and bool(torch.rand((), generator=source) < 0.5)
    return moved.flip(-1) if mirror else moved


def train(name: str, images: Tensor, classes: Tensor, recipe: Recipe) -> nn.Module:
    """A classifier trained on the train split alone."""
    source = generator(0, f"classifier/{name}")
    model = ARCHITECTURES[name]()
    initialize(model, source)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * (len(images) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps)
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(images), generator=source)
        for index in order[: steps // recipe.epochs * recipe.batch].split(recipe.batch):
            _, logits = model(augment(images[index], recipe, source))
            loss = functional.cross_entropy(logits, classes[index], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"{name}: epoch {epoch + 1} of {recipe.epochs}, loss {loss.item():.4f}", flush=True)
    return model.eval()


@torch.no_grad()
def look_at(model: nn.Module, images: Tensor, classes: Tensor) -> tuple[float, int]:
    """Accuracy, and the rank of the features' covariance."""
    pairs = [model(part) for part in images.split(1000)]
    logits = torch.cat([logits for _, logits in pairs])
    features = torch.cat([features for features, _ in pairs]).double()
    rank = int(torch.linalg.matrix_rank(torch.cov(features.T), hermitian=True))
    return (logits.argmax(1) == classes).double().mean().item(), rank


def main(names: list[str]) -> None:
    """Train and write the named classifiers, one thread."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    WEIGHTS.mkdir(exist_ok=True)
    for name in names:
        write(name, WEIGHTS)


def write(name: str, folder: Path) -> None:
    """Train one classifier and write `<name>.safetensors` (float16) and `<name>.json`."""
    dataset = registry.get("dataset", name).factory()
    assert isinstance(dataset, ImageDataset)
    begin = time.perf_counter()
    model = train(name, *labelled(dataset, "train"), RECIPES[name])
    # What ships is rounded, so what is measured is the rounded network.
    rounded = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    model.load_state_dict({key: value.float() for key, value in rounded.items()})
    accuracy, rank = look_at(model, *labelled(dataset, "heldout"))
    content = save(rounded)
    report = {
        "dataset": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "heldout_accuracy": round(accuracy, 5),
        "heldout_examples": dataset.info.split_sizes["heldout"],
        "heldout_feature_rank": rank,
        "features": rounded["head.weight"].shape[1],
        "trained_on": f"{dataset.info.split_sizes['train']} images of the train split",
        "made_by": "ci/train_classifiers.py",
        "recipe": asdict(RECIPES[name]),
        "stored_as": "float16, used as float32",
        "torch": torch.__version__,
    }
    (folder / f"{name}.safetensors").write_bytes(content)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(
        f"{name}: held-out accuracy {accuracy:.4f}, rank {rank}, {time.perf_counter() - begin:.0f} s, "
        f"{len(content) / 1e3:.0f} kB"
    )


def labelled(dataset: ImageDataset, split: Split) -> tuple[Tensor, Tensor]:
    """A split's images in [-1, 1] and classes."""
    count = dataset.info.split_sizes[split]
    return dataset.examples(split, count, CPU, torch.float32), dataset.rows(split, CPU).columns["label"]


if __name__ == "__main__":
    main(sys.argv[1:] or list(RECIPES))
