"""A GAN as a differentiable game: players, each one's loss, and its gradient: the vector field.

Everything here is written for one replica; `training` maps it over the seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from ganbench.errors import GanbenchError
from ganbench.random_calls import CounterDraws

Tree = dict[str, Tensor]
"""One player's parameters, buffers or gradients, by name."""

PLAYERS = ("generator", "discriminator")
DOUBLED = "_doubled"
"""Ends the name of an input that a game gives a second time, as a quadrature of twice the panels."""
RANDOM_KEY = "random_key"
"""A buffer whose name ends so seeds a layer's own random numbers: it moves on with every pass."""
CALLS_KEY = f"calls_{RANDOM_KEY}"
"""The buffer of a whole network that seeds the random calls of its forward pass."""
_KEY_STRIDE = 0x9E3779B1
_OF_THE_DATA = frozenset({"data", "real"})
_WEIGHTS = frozenset({"real_weights", "noise_weights"})


@dataclass(frozen=True)
class FieldSpec:
    """One field of a data set's examples: shape [*shape], type, value range (None: unbounded).

    A label has `classes`: it is one of 0 … classes − 1; `shares()` gives what share of the training data each
    class has, float64 [classes].
    """

    shape: tuple[int, ...]
    dtype: Literal["float", "int64"] = "float"
    value_range: tuple[float, float] | None = None
    classes: int | None = None
    shares: Callable[[], Tensor] | None = field(default=None, compare=False)

    @classmethod
    def label(cls, classes: int, shares: Callable[[], Tensor]) -> FieldSpec:
        """The class of an example, int64 []."""
        return cls((), "int64", (0, classes - 1), classes, shares)

    def torch_dtype(self, floating: torch.dtype) -> torch.dtype:
        """The type of its tensors where real numbers are of type `floating`."""
        return floating if self.dtype == "float" else torch.int64


@dataclass(frozen=True)
class DataSpec:
    """What a data set's examples look like: named fields, of which `target` is generated and judged.

    `paired`: the fields of one example belong together; else each domain is drawn by itself.
    `quadrature(panels)` gives nodes [n, *shape] and weights [n] of an expectation over the target, float64,
    where the distribution has a rule for it.
    """

    fields: Mapping[str, FieldSpec]
    target: str = "real"
    paired: bool = True
    quadrature: Callable[[int], tuple[Tensor, Tensor]] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.fields, Mapping):
            raise GanbenchError(
                f"DataSpec takes fields by name, not {self.fields!r}; DataSpec.real(shape, value_range) "
                "describes examples of one shape"
            )
        if self.target not in self.fields:
            raise GanbenchError(f"DataSpec: the target {self.target!r} is none of {', '.join(self.fields)}")

    @classmethod
    def real(
        cls,
        shape: tuple[int, ...],
        value_range: tuple[float, float] | None = None,
        label: FieldSpec | None = None,
        quadrature: Callable[[int], tuple[Tensor, Tensor]] | None = None,
    ) -> DataSpec:
        """Examples `real` of one shape, with their classes in the field `label` where they have such."""
        labels = {} if label is None else {"label": label}
        return cls({"real": FieldSpec(shape, value_range=value_range), **labels}, quadrature=quadrature)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the target."""
        return self.fields[self.target].shape

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The value range of the target."""
        return self.fields[self.target].value_range

    @property
    def label(self) -> str | None:
        """The field that holds the target's class: `label` of `real`, else `<target>_label`."""
        name = "label" if self.target == "real" else f"{self.target}_label"
        return name if name in self.fields else None

    @property
    def class_shares(self) -> Tensor | None:
        """What share of the training data each class of the target has, float64 [classes]."""
        shares = None if self.label is None else self.fields[self.label].shares
        return None if shares is None else shares()


@dataclass(frozen=True)
class RandomInput:
    """An input drawn afresh for every batch: `shape` per example.

    `normal` is standard, `uniform` on [0, 1), `symmetric` uniform on [−1, 1); `categorical` gives int64
    classes by `weights` [classes] (a data set's `class_shares`, say), `permutation` numbers the batch's
    examples in random order, int64.
    """

    shape: tuple[int, ...]
    kind: Literal["normal", "uniform", "symmetric", "categorical", "permutation"] = "normal"
    weights: Tensor | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if (self.kind == "categorical") is (self.weights is None):
            raise GanbenchError("a categorical input needs the weights of its classes; no other kind has any")
        if self.kind == "permutation" and self.shape:
            raise GanbenchError("a permutation numbers the examples of a batch: its shape is ()")


@dataclass(frozen=True)
class ConstantInput:
    """An input that is the same at every step for every replica: `values` [n, ...].

    So an expectation becomes a quadrature: its nodes under a name that the losses read, and its
    weights under `real_weights` or `noise_weights` [n].
    """

    values: Tensor


@dataclass(frozen=True)
class OptimizerStateInput:
    """An input that is the present state of a player's optimizer: one slot of one parameter, [*shape].

    Without a `parameter` the slot is a count, [].
    """

    player: str
    slot: str
    parameter: str | None
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Progress:
    """How far training is: real examples shown since it began, and since its present stage began.

    `share` is the share of the whole budget spent, `stage_share` that of the stage's own part.
    """

    examples: int
    stage_examples: int
    share: float
    stage_share: float


@dataclass(frozen=True)
class ScheduledInput:
    """A scalar [] that is a function of the progress: a fade-in, a warm-up."""

    value: Callable[[Progress], float]


@dataclass(frozen=True)
class MemoryInput:
    """What a game keeps between updates: an image pool, an adaptive probability; `initial` [...].

    A loss reads it from the batch, and writes it by returning (loss, {name: new value}).  What a player's
    loss wrote counts from that player's next step on; a step that is only a look ahead writes nothing.
    """

    initial: Tensor


Input = RandomInput | ConstantInput | OptimizerStateInput | ScheduledInput | MemoryInput
StateInput = OptimizerStateInput | ScheduledInput | MemoryInput
"""Inputs that are part of the training's state, and are not drawn."""


@dataclass(frozen=True)
class Batch:
    """One replica's inputs by name: the data's fields [n, ...] and the game's own inputs.

    An expectation is a mean over the batch, or a quadrature where weights are given under
    `real_weights` or `noise_weights` [n].  `due` are the periods of lazy terms that fall on this update;
    None: every lazy term counts as it is, as in the game's own field.
    """

    tensors: Mapping[str, Tensor]
    due: frozenset[int] | None = None
    periods: set[int] = field(default_factory=set, compare=False, repr=False)
    """The periods of all lazy terms that the loss has, noted while it runs."""

    @property
    def real(self) -> Tensor:
        """Real examples [n, *shape]: the data's target field, whatever it is called."""
        return self.tensors["real"]

    @property
    def noise(self) -> Tensor:
        """The generator's input [n, latent_dim]."""
        return self.tensors["noise"]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def mean_real(self, values: Tensor) -> Tensor:
        """The expectation over the data of per-example values [n] or [n, 1]."""
        return _expectation(values, self.tensors.get("real_weights"))

    def mean_noise(self, values: Tensor) -> Tensor:
        """The expectation over the noise of per-example values [n] or [n, 1]."""
        return _expectation(values, self.tensors.get("noise_weights"))

    def every(self, period: int, term: Callable[[], Tensor]) -> Tensor | float:
        """A lazy term of a loss: `period` times the term at every period-th update of the player, else 0.

        Source: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", section 3.1.
        """
        if period > 1:
            self.periods.add(period)
        if period == 1 or self.due is None:
            return term()
        return period * term() if period in self.due else 0.0


def _expectation(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (weights * values.reshape(weights.shape)).sum()


class Networks:
    """All players' networks with one replica's parameters: `networks.generator(noise)`.

    Buffers are threaded: every training pass leaves its new buffers for the next one, except
    a penalty's pass (`input_gradient`), which leaves none.  `passes` were there before, so that random
    numbers go on from them.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        params: Mapping[str, Tree],
        buffers: Mapping[str, Tree],
        training: bool = True,
        passes: int = 0,
    ) -> None:
        self._modules, self._params, self._training = modules, params, training
        self._buffers = {player: dict(tree) for player, tree in buffers.items()}
        self._passes = passes
        self._drawing: set[str] = set()

    def __getattr__(self, player: str) -> Callable[..., Tensor]:
        if player.startswith("_") or player not in self._modules:
            raise AttributeError(f"no player {player!r}; players: {', '.join(self._modules)}")
        return lambda *inputs: self._forward(player, inputs, track=True)

    def input_gradient(self, player: str, *inputs: Tensor, of: int = 0) -> Tensor:
        """∇ of the summed output with respect to one of the inputs, in its shape, differentiable again."""

        def output(x: Tensor) -> Tensor:
            return self._forward(player, (*inputs[:of], x, *inputs[of + 1 :]), track=False).sum()

        return grad(output)(inputs[of])

    def parameters(self, player: str) -> Tree:
        """One player's parameters by name."""
        return dict(self._params[player])

    def with_parameters(self, player: str, params: Tree) -> Networks:
        """The same networks with one player's parameters replaced; their passes leave no buffers here."""
        other = Networks(self._modules, {**self._params, player: params}, self._buffers, self._training)
        other._drawing = self._drawing
        return other

    def drawing(self) -> frozenset[str]:
        """The players whose passes so far drew random numbers from their `CALLS_KEY`."""
        return frozenset(self._drawing)

    def buffers_after(self) -> dict[str, Tree]:
        """The buffers that the passes so far have left."""
        return {
            player: {name: _key_after(name, value, self._passes) for name, value in tree.items()}
            for player, tree in self._buffers.items()
        }

    def _forward(self, player: str, inputs: tuple[Tensor, ...], track: bool) -> Tensor:
        self._passes += 1
        buffers = self._buffers[player]
        # Copies, since a layer may write into its buffers; a trace drops those that none writes into.
        state = {n: _key_after(n, v, self._passes).clone() for n, v in buffers.items()}
        tree = {**self._params[player], **state}
        module = self._modules[player]
        if module.training is not self._training:
            module.train(self._training)
        output = self._call(player, module, tree, inputs)
        if track and self._training:
            for name in buffers:
                if not name.endswith(RANDOM_KEY):
                    buffers[name] = tree[name]
        return output

    def _call(self, player: str, module: nn.Module, tree: Tree, inputs: tuple[Tensor, ...]) -> Tensor:
        output: Tensor
        if CALLS_KEY not in tree:
            output = functional_call(module, tree, inputs)
            return output
        draws = CounterDraws(tree.pop(CALLS_KEY))
        with draws:
            output = functional_call(module, tree, inputs)
        if draws.draws:
            self._drawing.add(player)
        return output


def _key_after(name: str, value: Tensor, passes: int) -> Tensor:
    return value + passes * _KEY_STRIDE if name.endswith(RANDOM_KEY) else value


Loss = Callable[[Networks, Batch], Tensor | tuple[Tensor, Tree]]
"""(networks, batch) → the player's loss [], and new values of memories where it writes any."""
Sample = Callable[[Networks, Batch], Tensor]
Logits = Callable[[Networks, Batch, Tensor], Tensor]


def _generated_from_noise(networks: Networks, batch: Batch) -> Tensor:
    return networks.generator(batch.noise)


def _discriminator_alone(networks: Networks, _batch: Batch, examples: Tensor) -> Tensor:
    return networks.discriminator(examples)


@dataclass(frozen=True)
class Game:
    """Players (templates), each one's scalar loss, the batch's inputs, and how to sample and to judge.

    Every player descends its own loss; it is differentiated in that player's parameters only.
    `sample(networks, batch)` gives generated examples [n, *shape] of the data's target field;
    `logits(networks, batch, examples)` gives the logits [n] of examples, among the batch's other fields.
    Both default to the ordinary game: generator(noise), and discriminator(examples).
    """

    players: Mapping[str, nn.Module]
    losses: Mapping[str, Loss]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    sample: Sample = _generated_from_noise
    logits: Logits = _discriminator_alone

    def __post_init__(self) -> None:
        assert set(self.players) == set(self.losses), "every player needs exactly one loss"
        for name, item in self.inputs.items():
            if name in _OF_THE_DATA or (name in _WEIGHTS and not isinstance(item, ConstantInput)):
                raise GanbenchError(
                    f"an input of the game cannot be called {name!r}: the data set has that name"
                )
        if isinstance(self.inputs.get("noise"), ConstantInput):
            raise GanbenchError(
                "`noise` is what samples are drawn from, so it cannot be constant; give quadrature nodes "
                "another name"
            )

    def loss(self, player: str, networks: Networks, batch: Batch) -> Tensor:
        """A player's loss alone [], whatever it writes to memories."""
        return split_loss(self.losses[player](networks, batch))[0]


def split_loss(value: Tensor | tuple[Tensor, Tree]) -> tuple[Tensor, Tree]:
    """What a loss returned, as (loss, new values of memories)."""
    return value if isinstance(value, tuple) else (value, {})


class PlayerGradient(NamedTuple):
    """A player's gradient, its loss [], and what the pass leaves: all players' buffers, memories."""

    gradient: Tree
    loss: Tensor
    buffers: dict[str, Tree]
    memories: Tree


def player_gradient(
    game: Game,
    player: str,
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    batch: Mapping[str, Tensor],
    due: frozenset[int] | None = None,
) -> PlayerGradient:
    """One player's gradient of its own loss; one replica."""

    def loss(trained: Tree) -> tuple[Tensor, tuple[Tensor, dict[str, Tree], Tree]]:
        networks = Networks(game.players, {**params, player: trained}, buffers)
        value, memories = split_loss(game.losses[player](networks, Batch(batch, due)))
        return value, (value, networks.buffers_after(), memories)

    gradient, rest = grad(loss, has_aux=True)(params[player])
    return PlayerGradient(gradient, *rest)


def template_state(module: nn.Module) -> tuple[Tree, Tree]:
    """A network's parameters and buffers by name; parameters that need no gradient are among the buffers."""
    params: Tree = dict(module.named_parameters())
    frozen = {name: value for name, value in params.items() if not value.requires_grad}
    trained = {name: value for name, value in params.items() if name not in frozen}
    return trained, {**frozen, **dict(module.named_buffers())}


def count_parameters(module: nn.Module) -> int:
    """The number of trained numbers of one replica."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def norm_per_example(values: Tensor) -> Tensor:
    """Euclidean norm over all but the first axis, [n]; its gradient at zero is zero, not NaN."""
    return torch.linalg.vector_norm(values.flatten(1), dim=1)
