"""The real data of an evaluation: a folder of images, a file of arrays, or a registered data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ganbench import store
from ganbench.datasets.decoded_images import Decoding
from ganbench.datasets.image_folder import image_headers, image_names
from ganbench.errors import GanbenchError, MissingData
from ganbench.suite.notation import choice_of_text, is_path, split_options
from ganbench.training.description import Choice

_GREY = {"1", "L"}


def real_choice(text: str) -> Choice:
    """The data set that `FOLDER`, `FILE.npy`, `NAME`, each with `:option=value,…`, or YAML names."""
    name, options = split_options(text)
    if not is_path(name):
        return choice_of_text("dataset", text, "--real")
    path = Path(name).absolute()
    if not path.exists():
        raise MissingData(f"--real {name}: no such file or folder")
    if (path / store.RUN_FILE).is_file():
        raise GanbenchError(f"--real {name}: a run folder; name the data that its samples are judged by")
    if path.is_file() and path.suffix not in (".npy", ".npz"):
        raise GanbenchError(f"--real {name}: neither a folder of images nor a .npy or .npz file")
    kind = "image_folder" if path.is_dir() else "array"
    added: dict[str, Any] = {"path": str(path)} | (_usual_decoding(path) if path.is_dir() else {})
    choice = choice_of_text("dataset", f"{kind}:{options}" if options else kind, "--real", added)
    return replace(choice, label=path.name)


def _usual_decoding(folder: Path) -> dict[str, Any]:
    """The size of images that are all squares of one size, and grey where they are."""
    headers = image_headers(folder, image_names(folder))
    sizes, modes = {size for size, _ in headers}, {mode for _, mode in headers}
    usual: dict[str, Any] = {"channels": 1} if modes and modes <= _GREY else {}
    if len(sizes) == 1 and len(set(*sizes)) == 1:
        usual["size"] = min(*sizes)
    return usual


def decoding_of(choice: Choice) -> Decoding | None:
    """How a folder's images are decoded; None where the data are no folder."""
    if choice.name != "image_folder":
        return None
    options = choice.options
    return Decoding(**{name: options[name] for name in ("size", "channels", "resize", "crop", "alpha")})
