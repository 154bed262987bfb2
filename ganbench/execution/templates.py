"""Files to start from: each is complete, and passes its check as it is."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import cast

from ganbench import registry, store
from ganbench.errors import GanbenchError
from ganbench.suite.bundled import bundled_suites

_VARIANT = '''"""$name: one line of what is new."""

from typing import Annotated

from torch.nn.functional import softplus

from ganbench.objectives import Objective
from ganbench.variants import Variant, register_variant, two_player


@register_variant("$name")
def $function(margin: Annotated[float, "how far apart the logits are to be"] = 0.0, **options) -> Variant:
    """One line of what it does, shown by `ganbench list variants`.

    Source: paper, year, equation; and any deviation from it.
    """

    def d_loss(real, fake, batch):
        return batch.mean_real(softplus(margin - real)) + batch.mean_noise(softplus(margin + fake))

    def g_loss(real, fake, batch):
        return batch.mean_noise(softplus(-fake))

    return two_player(Objective(d_loss, g_loss), **options)
'''

_DATASET = '''"""$name: one line of what the data are."""

import numpy as np

from ganbench.datasets import register_array_dataset

rows = np.random.default_rng(0).normal(size=(2000, 2))  # yours: an array, a tensor or a torch data set
classes = (rows[:, 0] > 0).astype(int)  # of each row; leave `labels` out where there are none

register_array_dataset(
    "$name",
    rows,
    labels=classes,
    title="One line of what the data are",
    source="whose they are, and from where",
    licence="under which they may be used",
)
'''

_NETWORK = '''"""$name: one line of what is special about these networks."""

import math
from dataclasses import dataclass
from typing import Annotated

from torch import nn

from ganbench.networks.network import output_activation, register_network


@register_network("$name")
@dataclass(frozen=True)
class $class_:
    """One line of what they are, shown by `ganbench list networks`."""

    width: Annotated[int, "units of the hidden layer"] = 64

    def generator(self, latent_dim, spec):
        layers = [nn.Linear(latent_dim, self.width), nn.ReLU(), nn.Linear(self.width, math.prod(spec.shape))]
        return nn.Sequential(*layers, *output_activation(spec), nn.Unflatten(1, spec.shape))

    def discriminator(self, spec):
        layers = [nn.Linear(math.prod(spec.shape), self.width), nn.LeakyReLU(0.2), nn.Linear(self.width, 1)]
        return nn.Sequential(nn.Flatten(1), *layers, nn.Flatten(0))
'''

_DIAGNOSTIC = '''"""$name: one line of what is measured."""

from typing import Annotated

from ganbench.diagnostics.diagnostic import Diagnostic, register_diagnostic
from ganbench.quantities import Quantity


@register_diagnostic("$name")
def $function(dataset, samples: Annotated[int, "how many generated samples it looks at"] = 500):
    """The mean distance of samples from the origin, beside that of real examples.

    What good looks like: near the reference, which is the value of held-out examples.
    What it is blind to: everything but distance from the origin.
    """
    return $class_(min(samples, dataset.info.split_sizes.get("heldout", samples)))


class $class_(Diagnostic):
    def __init__(self, samples):
        self.samples = samples
        protocol = {"samples": samples, "version": 1}
        self.quantities = (Quantity("$quantity", "Mean distance from the origin", protocol=protocol),)

    def measure(self, snapshot):
        return {"$quantity": snapshot.samples(self.samples).flatten(2).norm(dim=2).mean(1)}

    def references(self, snapshot):
        return {"$quantity": float(snapshot.real("heldout", self.samples).flatten(1).norm(dim=1).mean())}
'''

_SUITE = """# $name: what is compared, and what you expect.
datasets:
  - ring8: {sigma: 0.1}
variants:
  - nsgan: {learning_rate: 1e-3, latent_dim: 16}
  - wgan-gp: {learning_rate: 1e-3, latent_dim: 16, gp_weight: [0.1, 1]}    # a list is a sweep
seeds: 5
budget: {images: 100_000}
"""

TEMPLATES: Mapping[str, str] = {
    "variant": _VARIANT,
    "dataset": _DATASET,
    "network": _NETWORK,
    "diagnostic": _DIAGNOSTIC,
    "suite": _SUITE,
}
"""What can be begun, and its text."""


def write_template(kind: str, name: str, folder: Path) -> Path:
    """Write the file to start from; refuses taken names and existing files."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise GanbenchError(f"{name!r}: a {kind}'s name is letters, digits, - and _, a letter first")
    if name in (bundled_suites() if kind == "suite" else registry.names(cast(registry.Kind, kind))):
        raise GanbenchError(f"{name!r}: there is a {kind} of that name; choose another")
    plain = name.replace("-", "_")
    function = _free(plain, f"_{kind}", TEMPLATES[kind])
    class_ = _free("".join(map(str.capitalize, plain.split("_"))), kind.capitalize(), TEMPLATES[kind])
    file = folder / (f"{name}.yaml" if kind == "suite" else f"{function}.py")
    if file.exists():
        raise GanbenchError(f"{file}: exists; nothing was written")
    names = {"name": name, "function": function, "class_": class_, "quantity": plain.lower()}
    store.write_atomic(file, Template(TEMPLATES[kind]).substitute(names).encode())
    return file


def _free(name: str, ending: str, text: str) -> str:
    """The name, or a longer one where it is a keyword or would hide what the text uses."""
    hides = keyword.iskeyword(name) or re.search(rf"\b{name}\b", text)
    return f"{name}{ending}" if hides else name
