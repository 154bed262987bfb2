"""Where samples to evaluate come from: folders, files, trials of runs, and what makes samples when asked."""

from __future__ import annotations

import importlib
import re
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch
from torch import Tensor

from ganbench import store
from ganbench.child_process import ChildProcess
from ganbench.datasets.arrays import load_arrays
from ganbench.datasets.decoded_images import Decoding, FileSource, decoded_images
from ganbench.datasets.image_folder import image_headers, image_names
from ganbench.errors import GanbenchError, label_typed, nearest
from ganbench.execution.sample_values import Target
from ganbench.execution.sampling import samples as samples_of_trial
from ganbench.execution.sampling import stored_trials
from ganbench.streams import generator
from ganbench.training.description import Choice
from ganbench.user_code import user_code

BATCH = 500
"""Samples that a generator makes at a time; part of what it is asked."""
_FUNCTION = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<function>[A-Za-z_]\w*)")
_LABEL = re.compile(r"(?P<label>[^=/\\{}]+)=(?P<source>.+)", re.DOTALL)
_GENERATORS = (".pt", ".pth", ".ts", ".pt2", ".onnx", ".safetensors")


@dataclass(frozen=True)
class Reading:
    """How samples are read, as the command line says it: the same for all that are compared."""

    target: Target
    decoding: Decoding | None = None
    """Of the real images, where these are a folder's: samples in a folder are decoded alike."""
    skip_broken: bool = False
    latent: tuple[int, ...] | None = None
    """The shape of the noise of a generator from a file."""
    network: Choice | None = None
    variants: Sequence[str] = ()
    """Labels of a run's variants, and its seeds: those that are read; empty: all."""
    seeds: Sequence[int] = ()
    trusted: bool = False
    folder: Path = field(default_factory=Path)
    """Where a function's module is looked for first."""


class Source(ABC):
    """One set of samples."""

    kind: str
    available: int | None = None
    """How many samples there are; None: as many as are asked for."""

    def __init__(self, name: str, reading: Reading) -> None:
        self.name, self.reading = name, reading
        self.notes: list[str] = []

    @property
    def target(self) -> Target:
        """What its samples are to become."""
        return self.reading.target

    @abstractmethod
    def raw(self, count: int) -> Any:
        """`count` samples as they are stored or made."""

    def examples(self, count: int) -> Tensor:
        """`count` samples as examples of the data set, float32 [count, *shape]."""
        values = self.raw(count)
        made = self.target.examples(values, self.name)
        if len(made) != count:
            raise GanbenchError(f"{self.name}: gave {len(made):,} samples where {count:,} were asked for")
        return made

    def fields(self, count: int) -> dict[str, Tensor]:
        """What goes with these samples, {name: [count]}."""
        return {}


def picked(available: int, count: int) -> np.ndarray:
    """Which of the stored samples are read, in a fixed random order: folders are often sorted by class."""
    return torch.randperm(available, generator=generator(0, "evaluate/order"))[:count].numpy()


class FolderSource(Source):
    """Image files, decoded as the real ones were."""

    kind = "images"

    def __init__(self, folder: Path, reading: Reading) -> None:
        super().__init__(str(folder), reading)
        spec = reading.target.spec
        if len(spec.shape) != 3 or spec.shape[1] != spec.shape[2] or spec.shape[0] not in (1, 3):
            raise GanbenchError(
                f"{folder}: a folder of images, but real examples have the shape {spec.shape}"
            )
        names = image_names(folder)
        decoding = reading.decoding or Decoding(spec.shape[2], spec.shape[0])
        self._check_sizes(folder, names, decoding.size)
        source = FileSource(folder, names, remedy="mend or remove them")
        images = decoded_images(source, decoding, reading.skip_broken)
        self._pixels, self.available = images.pixels, len(images.names)
        if images.broken:
            self.notes.append(f"{self.name}: {len(images.broken)} broken files left out")

    @property
    def target(self) -> Target:
        """Its pixels are bytes, whatever range other samples are said to be of."""
        return replace(self.reading.target, value_range=None)

    def _check_sizes(self, folder: Path, names: Sequence[str], size: int) -> None:
        """Say what is resized, where the real ones are alike, and what has other colours; refuse the rest."""
        headers = image_headers(folder, names)
        others = Counter({h: n for h, n in headers.items() if h[0] != (size, size)})
        if others:
            ((width, height), _), count = others.most_common(1)[0][0], others.total()
            what = f"{count:,} of {len(names):,} images are not {size}×{size} (but {width}×{height}, say)"
            if self.reading.decoding is None:
                raise GanbenchError(
                    f"{self.name}: {what}, and resizing changes every number; resize them first"
                )
            self.notes.append(f"{self.name}: {what}, and were resized by {self.reading.decoding.resize}")
        grey = sum(n for (_, mode), n in headers.items() if mode in ("1", "L", "LA", "I;16"))
        if self.reading.target.spec.shape[0] == 3 and grey == len(names):
            self.notes.append(f"{self.name}: all its images are grey, where colour is expected")

    def raw(self, count: int) -> np.ndarray:
        assert self.available is not None
        return np.asarray(self._pixels[picked(self.available, count)])


class ArraySource(Source):
    """A .npy file, or an .npz file with one array beside its labels."""

    kind = "array"

    def __init__(self, file: Path, reading: Reading) -> None:
        super().__init__(str(file), reading)
        contents = load_arrays(file)
        if isinstance(contents, np.ndarray):
            contents = {"samples": contents}
        names = [name for name in contents if name != "label"]
        name = next((n for n in ("samples", "fake") if n in names), names[0] if len(names) == 1 else None)
        if name is None:
            raise GanbenchError(
                f"{file}: its arrays are {', '.join(contents) or 'none'}; one is read that is called "
                "`samples`, or is the only one"
            )
        self._values, self._labels = contents[name], contents.get("label")
        if self._values.ndim == 0:
            raise GanbenchError(f"{file}: a single number, not an array with a row for each sample")
        if self._labels is not None and len(self._labels) != len(self._values):
            raise GanbenchError(f"{file}: {len(self._values):,} samples and {len(self._labels):,} labels")
        if self._labels is not None and (label := reading.target.spec.label) is not None:
            _check_labels(file, self._labels, reading.target.spec.fields[label].classes)
        self.available = len(self._values)

    def raw(self, count: int) -> np.ndarray:
        return self._values[picked(len(self._values), count)]

    def fields(self, count: int) -> dict[str, Tensor]:
        label = self.reading.target.spec.label
        if self._labels is None or label is None:
            return {}
        return {label: torch.from_numpy(self._labels[picked(len(self._values), count)].astype(np.int64))}


def _check_labels(file: Path, labels: np.ndarray, classes: int | None) -> None:
    """Refuse labels that are no class of the data."""
    if labels.ndim != 1 or labels.dtype.kind not in "iuf" or (labels != np.round(labels)).any():
        raise GanbenchError(
            f"{file}: `label` is {labels.dtype} of shape {labels.shape}, not whole numbers [n]"
        )
    least, most = int(labels.min(initial=0)), int(labels.max(initial=0))
    if classes is not None and not 0 <= least <= most < classes:
        raise GanbenchError(
            f"{file}: labels from {least} to {most}; the data have {classes} classes, 0 to {classes - 1}"
        )


class TrialSource(Source):
    """A trial of a run: the samples that its own diagnostics were given."""

    kind = "trial"

    def __init__(self, run: Path, folder: Path, seed: int, reading: Reading) -> None:
        super().__init__(f"{run}, {folder.name}, seed {seed}", reading)
        self._folder, self._seed = folder, seed

    def examples(self, count: int) -> Tensor:
        made = torch.from_numpy(
            samples_of_trial(self._folder, self._seed, count, self.reading.trusted, measured=True)
        )
        shape = self.reading.target.spec.shape
        if made.shape[1:] != shape:
            raise GanbenchError(f"{self.name}: its samples are of shape {tuple(made.shape[1:])}, not {shape}")
        return made.to(torch.float32)

    def raw(self, count: int) -> np.ndarray:
        return self.examples(count).numpy()


class FunctionSource(Source):
    """A function of the user's, called with how many samples are wanted, in a process of its own."""

    kind = "function"

    def __init__(self, name: str, reading: Reading) -> None:
        super().__init__(name, reading)

    def raw(self, count: int) -> np.ndarray:
        parts = ChildProcess(__name__, "called", self.name, str(self.reading.folder), count)
        return np.concatenate(list(parts))


def called(name: str, folder: str, count: int) -> Iterator[np.ndarray]:
    """What the user's function returns, in parts; runs in a process of its own."""
    import sys

    sys.path.insert(0, folder)
    module, _, function = name.partition(":")
    with user_code("cannot be called", definition=name):
        found = getattr(importlib.import_module(module), function, None)
        if not callable(found):
            raise GanbenchError(f"{name}: {module} has no function {function!r}")
        made = found(count)
        array = np.asarray(made.detach().cpu() if isinstance(made, Tensor) else made)
    if array.dtype == object or array.ndim == 0:
        raise GanbenchError(
            f"{name}: returned a {type(made).__name__}, not an array with a row for each sample"
        )
    for start in range(0, max(len(array), 1), BATCH):
        yield array[start : start + BATCH]


@dataclass(frozen=True)
class Generator:
    """A function of noise [n, *latent]; `batch` is the only n that it takes, None where it takes any."""

    function: Callable[[Tensor], Any]
    latent: tuple[int, ...] | None
    batch: int | None = None

    def samples(self, noise: Tensor) -> np.ndarray:
        """The samples of any number of noises; of a last batch that is not full the rest is left out."""
        size = self.batch or BATCH
        rows = -(-len(noise) // size) * size if self.batch else len(noise)
        padded = noise[torch.arange(rows) % len(noise)]
        return np.concatenate([_array(self.function(part)) for part in padded.split(size)])[: len(noise)]


class GeneratorSource(Source):
    """A generator in a file, of standard normal noise from a stream of its own."""

    kind = "generator"
    seed = 0
    """Of the noise's stream."""

    def __init__(self, file: Path, reading: Reading) -> None:
        super().__init__(str(file), reading)
        if not file.stat().st_size:
            raise GanbenchError(f"{file}: empty")
        self._file = file
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # TorchScript is still what people have
            self._generator = self._loaded()
        latent = reading.latent or self._generator.latent
        if latent is None:
            raise GanbenchError(
                f"{file}: give the noise's size, as --latent-dim 128 (or 100x1x1 for noise with sides)"
            )
        self._latent = latent

    @abstractmethod
    def _loaded(self) -> Generator:
        """The generator that the file holds."""

    @torch.no_grad()
    def raw(self, count: int) -> np.ndarray:
        noise = torch.randn(count, *self._latent, generator=generator(self.seed, "evaluate/noise"))
        try:
            return self._generator.samples(noise)
        except Exception as error:  # a generator of somebody else's may raise anything
            shape = "×".join(map(str, self._latent))
            raise GanbenchError(
                f"{self._file}: fails on noise of {shape}; is --latent-dim right? {_last_line(error)}"
            ) from error


def _array(made: Any) -> np.ndarray:
    value = made[0] if isinstance(made, tuple | list) else made
    return np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]


def _stated(shape: Sequence[Any]) -> tuple[tuple[int, ...] | None, int | None]:
    """The noise's shape and the batch's size of a stated input [n, …]; None for what is left open."""
    batch, *latent = (side if isinstance(side, int) else None for side in shape)
    known = tuple(side for side in latent if side is not None)
    return (known if len(known) == len(latent) else None), batch


class TorchScriptSource(GeneratorSource):
    """A generator that `torch.jit.save` wrote."""

    kind = "TorchScript"

    def _loaded(self) -> Generator:
        try:
            module = torch.jit.load(str(self._file), map_location="cpu").eval()
        except (RuntimeError, ValueError) as error:
            raise GanbenchError(
                f"{self._file}: not a TorchScript file; `torch.jit.trace(generator, noise).save(FILE)` "
                "writes one, `torch.export.save` a .pt2; weights alone are read of .safetensors files, with "
                "--network"
            ) from error
        return Generator(module, None)


class ExportedSource(GeneratorSource):
    """A generator that `torch.export.save` wrote."""

    kind = "torch.export"

    def _loaded(self) -> Generator:
        if not is_zipfile(self._file):  # torch prints a traceback
            raise GanbenchError(f"{self._file}: not a file of torch.export")
        try:
            program = torch.export.load(str(self._file))
        except Exception as error:  # its errors share no class of their own
            raise GanbenchError(f"{self._file}: not a file of torch.export ({_last_line(error)})") from error
        names = program.graph_signature.user_inputs
        (noise, *others) = [node for node in program.graph.nodes if node.name in names]
        if others:
            raise GanbenchError(f"{self._file}: takes {len(others) + 1} inputs, where noise alone would work")
        return Generator(program.module(), *_stated(noise.meta["val"].shape))


class OnnxSource(GeneratorSource):
    """A generator in ONNX, where onnxruntime is installed."""

    kind = "ONNX"

    def _loaded(self) -> Generator:
        try:
            import onnxruntime
        except ImportError as error:
            raise GanbenchError(
                f"{self._file}: ONNX files need onnxruntime: pip install 'ganbench[onnx]'"
            ) from error
        try:
            session = onnxruntime.InferenceSession(str(self._file), providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no class of their own
            raise GanbenchError(f"{self._file}: not an ONNX file ({_last_line(error)})") from error
        first = session.get_inputs()[0]
        return Generator(
            lambda noise: session.run(None, {first.name: noise.numpy()})[0], *_stated(first.shape)
        )


class WeightsSource(GeneratorSource):
    """A generator's weights in safetensors, for a registered network."""

    kind = "safetensors"

    @property
    def target(self) -> Target:
        """The network is made for the data, so its samples are of their range."""
        target = self.reading.target
        return target if target.value_range else replace(target, value_range=target.spec.value_range)

    def _loaded(self) -> Generator:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from ganbench.networks.network import architecture
        from ganbench.random_calls import GeneratorDraws

        choice = self.reading.network
        if choice is None:
            raise GanbenchError(
                f"{self._file}: weights alone; name their network, as --network dcgan:width=64"
            )
        latent = self.reading.latent
        if latent is None:
            return Generator(lambda noise: noise, None)
        try:
            tensors = load_file(self._file)
        except SafetensorError as error:
            raise GanbenchError(f"{self._file}: not a safetensors file ({_last_line(error)})") from error
        with GeneratorDraws(generator(0, "constructor")):
            network = architecture({"name": choice.name, "options": choice.options})
            module = network.generator(latent[0], self.reading.target.spec)
        try:
            module.load_state_dict(tensors)
        except RuntimeError as error:
            raise GanbenchError(
                f"{self._file}: not the weights of {choice.name}'s generator: {_last_line(error)}"
            ) from error
        return Generator(module.eval(), latent)


def labelled_sources(text: str, reading: Reading) -> Iterator[tuple[str, Source]]:
    """The sets of samples that `[LABEL=]SOURCE` names, each with its label; of a run as many as it has."""
    label, name = _label_and_source(text)
    path = Path(name)
    if path.is_dir() and (path / store.RUN_FILE).is_file():
        yield from _of_run(path, label, reading)
    elif path.exists():
        yield label or name, _of_path(path, reading)
    elif _FUNCTION.fullmatch(name):
        yield label or name, FunctionSource(name, reading)
    else:
        raise GanbenchError(f"--fake {text}: no such file or folder; a function is written module:function")


def _label_and_source(text: str) -> tuple[str | None, str]:
    found = None if Path(text).exists() else _LABEL.fullmatch(text)
    return (None, text) if found is None else (found["label"].strip(), found["source"])


def _of_path(path: Path, reading: Reading) -> Source:
    if path.is_dir():
        return FolderSource(path, reading)
    if path.suffix in (".npy", ".npz"):
        return ArraySource(path, reading)
    kinds: Mapping[str, type[GeneratorSource]] = {
        ".pt2": ExportedSource,
        ".onnx": OnnxSource,
        ".safetensors": WeightsSource,
    }
    if path.suffix not in _GENERATORS:
        raise GanbenchError(
            f"{path}: neither a folder of images, a run folder, a .npy or .npz file, nor a generator "
            f"({', '.join(_GENERATORS)})"
        )
    return kinds.get(path.suffix, TorchScriptSource)(path, reading)


def _of_run(run: Path, label: str | None, reading: Reading) -> Iterator[tuple[str, Source]]:
    present = stored_trials(run)
    labels = list(dict.fromkeys(variant for _, variant, _ in present))
    wanted = [_known(run, typed, labels) for typed in reading.variants] or labels
    shape = reading.target.spec.shape
    chosen = {
        t: f for t, f in present.items() if t[1] in wanted and (not reading.seeds or t[2] in reading.seeds)
    }
    if len({dataset for dataset, _, _ in chosen}) > 1:
        chosen = {t: f for t, f in chosen.items() if _shape_of(run, t[0]) == shape}
    if not chosen:
        raise GanbenchError(f"{run}: no trial of that variant and seed whose samples are of shape {shape}")
    several = len({dataset for dataset, _, _ in chosen}) > 1
    for (dataset, variant, seed), folder in chosen.items():
        name = f"{variant} on {dataset}" if several else variant
        yield (
            f"{label} {name}" if label and len(wanted) > 1 else label or name,
            TrialSource(run, folder, seed, reading),
        )


def _known(run: Path, typed: str, labels: Sequence[str]) -> str:
    label = label_typed(typed, labels)
    if label is None:
        raise GanbenchError(f"{run}: no finished variant {typed!r}{nearest(typed, labels)}")
    return label


def _shape_of(run: Path, dataset: str) -> tuple[int, ...]:
    return tuple(store.read_json(store.dataset_file(run, dataset, ".json"))["shape"])
