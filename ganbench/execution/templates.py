"""A new variant's file, to start from."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from ganbench import registry, store
from ganbench.errors import GanbenchError

_TEXT = '''"""{name}: one line of what is new."""

from typing import Annotated

from torch.nn.functional import softplus

from ganbench.objectives import Objective
from ganbench.variants import Variant, register_variant, two_player


@register_variant("{name}")
def {function}(margin: Annotated[float, "how far apart the logits are to be"] = 0.0, **options) -> Variant:
    """One line of what it does, shown by `ganbench list variants`.

    Source: paper, year, equation; and any deviation from it.
    """

    def d_loss(real, fake, batch):
        return batch.mean_real(softplus(margin - real)) + batch.mean_noise(softplus(margin + fake))

    def g_loss(real, fake, batch):
        return batch.mean_noise(softplus(-fake))

    return two_player(Objective(d_loss, g_loss), **options)
'''


def write_variant(name: str, folder: Path) -> Path:
    """Write the file of a new variant; refuses taken names and existing files."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise GanbenchError(f"{name!r}: a variant's name is letters, digits, - and _, a letter first")
    function = name.replace("-", "_")
    if keyword.iskeyword(function) or re.search(rf"\b{function}\b", _TEXT):  # it would hide an import
        function += "_variant"
    if name in registry.names("variant"):
        raise GanbenchError(f"{name!r}: there is a variant of that name; choose another")
    file = folder / f"{function}.py"
    if file.exists():
        raise GanbenchError(f"{file}: exists; nothing was written")
    store.write_atomic(file, _TEXT.format(name=name, function=function).encode())
    return file
