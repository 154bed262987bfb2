"""Networks for images: shapes, published sizes, and equal numbers over seeds, looped and in plain torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plain_networks as plain
import pytest
import torch
from engine_cohorts import cohort, deviation, finish, numbers
from torch import Tensor, nn

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec, Networks, Tree, count_parameters, template_state
from ganbench.networks import architecture
from ganbench.networks.construction import initialized
from ganbench.networks.dcgan import dcgan
from ganbench.training.replicas import Vectorizable

SIZES = (8, 16, 28, 32, 64)
CLASSES, LATENT, COUNT = 3, 12, 6
SMALL: dict[str, dict[str, Any]] = {"dcgan": {"width": 2}, "resnet": {"width": 4}, "r3gan": {"width": 4}}


def images_of(side: int, colors: int = 3) -> DataSpec:
    return DataSpec.real((colors, side, side), (-1.0, 1.0))


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=source(seed), dtype=torch.float64)


def started(module: nn.Module) -> nn.Module:
    return initialized({"player": module}, lambda _part: source(5))["player"]


LABELS = torch.tensor([0, 1, 2, 2, 0, 1])


# Shapes


@pytest.mark.parametrize("side", SIZES)
@pytest.mark.parametrize("name", SMALL)
def test_networks_have_the_datas_shape_at_every_size(name: str, side: int) -> None:
    pair, spec = architecture({name: SMALL[name]}), images_of(side)
    fake = started(pair.generator(LATENT, spec))(torch.randn(COUNT, LATENT))
    labelled = started(pair.generator(LATENT, spec, CLASSES))(torch.randn(COUNT, LATENT), LABELS)
    for examples in (fake, labelled):
        assert examples.shape == (COUNT, 3, side, side)
        assert examples.abs().max() <= 1
    assert pair.discriminator(spec)(fake).shape == (COUNT,)
    assert pair.discriminator(spec, 5)(fake).shape == (COUNT, 5)


@pytest.mark.parametrize("network", [{"mlp": {"width": 4}}, {"mlp": {"dropout": 0.5}}, "mlp28"])
def test_perceptrons_are_conditional_too(network: str | dict[str, Any]) -> None:
    pair, spec = architecture(network), images_of(28, 1)
    generator = pair.generator(LATENT, spec, CLASSES)
    noise = torch.randn(1, LATENT).expand(COUNT, -1)
    fake = generator(noise, LABELS)
    assert fake.shape == (COUNT, 1, 28, 28)
    torch.testing.assert_close(fake[0], fake[4])
    assert not torch.allclose(fake[0], fake[1]), "the label is not read"
    assert pair.discriminator(spec, 5)(fake).shape == (COUNT, 5)


@pytest.mark.parametrize("name", SMALL)
def test_networks_for_images_refuse_vectors(name: str) -> None:
    for shape in ((2,), (1, 30, 30)):
        pair = architecture(name)
        for build in (
            lambda pair=pair, shape=shape: pair.generator(LATENT, DataSpec.real(shape)),
            lambda pair=pair, shape=shape: pair.discriminator(DataSpec.real(shape)),
        ):
            with pytest.raises(GanbenchError, match=f"network {name} needs images whose sides divide by 4"):
                build()


# Architectures of a user's that know of no classes or outputs


class Old:
    """A pair as it was written before there were conditional generators."""

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        return nn.Sequential(nn.Linear(latent_dim, math.prod(spec.shape)), nn.Unflatten(1, spec.shape))

    def discriminator(self, spec: DataSpec) -> nn.Module:
        return nn.Sequential(nn.Flatten(1), nn.Linear(math.prod(spec.shape), 1), nn.Flatten(0))


class WithOutputs(Old):
    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        return nn.Sequential(nn.Flatten(1), nn.Linear(math.prod(spec.shape), outputs))


def use(monkeypatch: pytest.MonkeyPatch, pair: Any) -> None:
    entry = registry.Entry("network", "mine", Path(__file__), lambda: pair)
    monkeypatch.setitem(registry._entries, ("network", "mine"), entry)


def test_a_pair_without_classes_and_outputs_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Old())
    finish(cohort("nsgan", {"network": "mine", "latent_dim": 2, "batch_size": 4}, budget=("steps", 2)))


def test_a_pair_without_classes_or_outputs_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Old())
    pair, spec = architecture("mine"), images_of(8)
    with pytest.raises(GanbenchError, match=r"network mine has no conditional generator.*no `classes`"):
        pair.generator(2, spec, CLASSES)
    with pytest.raises(GanbenchError, match=r"network mine has no discriminator of several.*no `outputs`"):
        pair.discriminator(spec, 5)
    use(monkeypatch, WithOutputs())
    assert architecture("mine").discriminator(spec, 5)(torch.zeros(COUNT, 3, 8, 8)).shape == (COUNT, 5)
    with pytest.raises(GanbenchError, match="no conditional generator"):
        architecture("mine").generator(2, spec, CLASSES)


# Published sizes


def test_dcgan_has_the_published_number_of_parameters() -> None:
    """PyTorch's DCGAN example with 100 latents at 64×64; ours has biases next to the data."""
    pair, spec = architecture({"dcgan": {"discriminator_norm": "batch"}}), images_of(64)
    assert count_parameters(pair.generator(100, spec)) == 3_576_704 + 3
    assert count_parameters(pair.discriminator(spec)) == 2_765_568 + 64 + 1


def test_dcgan_stays_small_below_32() -> None:
    for side in (8, 16, 28):
        discriminator = dcgan().discriminator(images_of(side, 1))
        widths = [layer.out_channels for layer in discriminator if isinstance(layer, nn.Conv2d)]
        assert widths == [32, 64]
    linear, norms, convolutions = 100 * 64 * 7 * 7, 2 * 64 + 2 * 32, 64 * 32 * 16 + (32 * 16 + 1)
    assert count_parameters(dcgan().generator(100, images_of(28, 1))) == linear + norms + convolutions


def test_r3gan_has_the_published_number_of_parameters() -> None:
    """The authors' code, made for 32×32 without classes."""
    pair = architecture({"r3gan": {"width": 768, "blocks": 2}})
    with torch.device("meta"):
        generator, discriminator = pair.generator(64, images_of(32)), pair.discriminator(images_of(32))
    assert count_parameters(generator) == 20_732_160
    assert count_parameters(discriminator) == 20_683_776


def test_resnet_has_the_published_number_of_parameters() -> None:
    """Miyato et al. 2018, table 4, with the biases that batch norm takes away, three a block."""
    pair, spec = architecture("resnet"), images_of(32)
    assert count_parameters(pair.generator(128, spec)) == 4_276_739 - 3 * 3 * 256
    assert count_parameters(pair.discriminator(spec)) == 1_053_825
    kept = architecture({"resnet": {"generator_norm": "layer"}}).generator(128, spec)
    assert count_parameters(kept) == 4_276_739


def test_resnet_at_64_is_the_published_pyramid() -> None:
    pair, spec = architecture("resnet"), images_of(64)
    with torch.device("meta"):
        generator, discriminator = pair.generator(128, spec), pair.discriminator(spec)
    widths = {"blocks": [block.conv2.out_channels for block in generator.blocks]}
    widths["discriminator"] = [layer.conv2.out_channels for layer in list(discriminator)[:5]]
    assert widths == {"blocks": [512, 256, 128, 64], "discriminator": [64, 128, 256, 512, 1024]}
    assert generator.start[0].out_features == 16 * 1024


# The same function over seeds at once, looped and in plain torch


@dataclass(frozen=True)
class Case:
    """A network at a size, and both players in plain torch on the numbers of one seed."""

    network: dict[str, Any]
    side: int
    generator: Callable[[Tree, Tensor], Tensor]
    discriminator: Callable[[Tree, Tensor], Tensor]
    classes: int | None = None
    outputs: int = 1
    colors: int = field(default=2)


def resnet_case(layers_g: str, layers_d: str, side: int = 8, **options: Any) -> Case:
    kind = options.get("generator_norm", "batch")

    def generator(state: Tree, noise: Tensor) -> Tensor:
        norm = plain.affine_norm(state, kind)
        return plain.resnet_generator(state, noise, 7 if side == 28 else 4, layers_g, norm, norm)

    def discriminator(state: Tree, images: Tensor) -> Tensor:
        return plain.resnet_discriminator(state, images, layers_d)

    return Case({"resnet": {"width": 8, **options}}, side, generator, discriminator)


def of_classes(state: Tree, noise: Tensor) -> Tensor:
    norms = plain.class_norm(state, LABELS), plain.affine_norm(state, "batch")
    return plain.resnet_generator(state, noise, 4, "B", *norms)


def one_hot() -> Tensor:
    return torch.eye(CLASSES, dtype=torch.float64)[LABELS]


def self_modulating(state: Tree, noise: Tensor) -> Tensor:
    norm = plain.linear_norm(state, lambda _name: torch.cat([noise, one_hot()], 1))
    return plain.resnet_generator(state, noise, 4, "B", norm, norm)


def skipping(state: Tree, noise: Tensor) -> Tensor:
    embedded = one_hot() @ state["embedding.weight"].T
    parts = noise.split(LATENT // 3, 1)

    def condition(name: str) -> Tensor:
        return torch.cat([parts[1 + int(name.split(".")[1])], embedded], 1)

    norms = plain.linear_norm(state, condition), plain.affine_norm(state, "batch")
    return plain.resnet_generator(state, parts[0], 4, "BB", *norms)


def r3gan_of_classes(state: Tree, noise: Tensor) -> Tensor:
    vectors = torch.cat([noise, one_hot() @ state["embedding.weight"].T], 1)
    return plain.r3gan_generator(state, vectors, 2)


def without_labels(case: Case, **changes: Any) -> Case:
    return Case(**{**vars(case), **changes})


DOWN = resnet_case("B", "DDBB")
CASES = {
    "resnet": DOWN,
    **{f"resnet, {norm}": resnet_case("B", "DDBB", generator_norm=norm) for norm in ("layer", "group")},
    "resnet, none": resnet_case("B", "DDBB", generator_norm="none"),
    "resnet, instance": resnet_case("BB", "DDBB", 16, generator_norm="instance"),
    "resnet, attention": resnet_case("BAB", "DADBB", 16, attention=8),
    "resnet, attention at 28": resnet_case("BAB", "DADBB", 28, attention=14),
    "resnet at 64": resnet_case("BBBB", "DDDDD", 64, width=2),
    "resnet, classes": without_labels(DOWN, generator=of_classes, classes=CLASSES, outputs=4),
    "resnet, self-modulated": without_labels(
        resnet_case("B", "DDBB", modulation="self"), generator=self_modulating, classes=CLASSES
    ),
    "resnet, skip-z": without_labels(
        resnet_case("BB", "DDBB", 16, modulation="skip_z"), generator=skipping, classes=CLASSES
    ),
    "r3gan": Case(
        {"r3gan": {"width": 8}},
        28,
        lambda state, noise: plain.r3gan_generator(state, noise, 3),
        lambda state, images: plain.r3gan_discriminator(state, images, 3),
    ),
    "r3gan, classes": Case(
        {"r3gan": {"width": 12}},
        8,
        r3gan_of_classes,
        lambda state, images: plain.r3gan_discriminator(state, images, 2),
        CLASSES,
        4,
    ),
}


def networks_of(case: Case) -> dict[str, nn.Module]:
    pair, spec = architecture(case.network), images_of(case.side, case.colors)
    return {
        "generator": pair.generator(LATENT, spec, case.classes),
        "discriminator": pair.discriminator(spec, case.outputs),
    }


def seeds_of(modules: dict[str, nn.Module]) -> tuple[dict[str, Tree], dict[str, Tree]]:
    """Parameters and buffers of two seeds, [2, ...], float64; what starts at a constant is moved off it."""
    params, buffers = {}, {}
    for player, module in modules.items():
        trained, others = template_state(module)
        params[player] = {
            name: 0.4 * normal(2, *value.shape, seed=number)
            for number, (name, value) in enumerate(trained.items())
        }
        buffers[player] = {
            name: value.double().expand(2, *value.shape).clone() for name, value in others.items()
        }
    return params, buffers


@pytest.mark.parametrize("name", CASES)
def test_one_network_is_the_same_function_over_seeds_looped_and_in_plain_torch(name: str) -> None:
    """Images, logits, and gradients of a loss that holds a gradient penalty, in all parameters."""
    case = CASES[name]
    modules = networks_of(case)
    params, buffers = seeds_of(modules)
    noise, real = (
        normal(2, COUNT, LATENT, seed=90),
        normal(2, COUNT, case.colors, case.side, case.side, seed=91),
    )
    labels = () if case.classes is None else (LABELS,)

    def ours(params: Any, buffers: Any, noise: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        networks = Networks(modules, params, buffers)
        slope = networks.input_gradient("discriminator", real)
        fake = networks.generator(noise, *labels)
        return fake, networks.discriminator(fake), slope

    def reference(params: Any, _buffers: Any, noise: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        def judged(images: Tensor) -> Tensor:
            values = case.discriminator(params["discriminator"], images)
            return values.squeeze(1) if case.outputs == 1 else values

        slope = torch.func.grad(lambda images: judged(images).sum())(real)
        fake = case.generator(params["generator"], noise)
        return fake, judged(fake), slope

    def with_gradients(function: Any) -> Any:
        def loss(params: Any, *given: Any) -> Any:
            fake, logits, slope = function(params, *given)
            return logits.square().mean() + slope.square().sum() + fake.mean(), (fake, logits, slope)

        return torch.func.grad(loss, has_aux=True)

    given = params, buffers, noise, real
    with Vectorizable():
        at_once = torch.func.vmap(with_gradients(ours))(*given)
    for seed in range(2):
        alone = torch.utils._pytree.tree_map(lambda value, seed=seed: value[seed], given)
        mapped = torch.utils._pytree.tree_map(lambda value, seed=seed: value[seed], at_once)
        looped, expected = with_gradients(ours)(*alone), with_gradients(reference)(*alone)
        torch.testing.assert_close(mapped, expected, rtol=1e-9, atol=1e-9 * scale(expected))
        torch.testing.assert_close(looped, expected, rtol=1e-9, atol=1e-9 * scale(expected))
        unread = [n for player in expected[0].values() for n, g in player.items() if not g.abs().max() > 0]
        assert not unread, f"nothing depends on {unread}"


def scale(values: Any) -> float:
    return max(float(value.abs().max()) for value in torch.utils._pytree.tree_leaves(values))


@pytest.mark.parametrize(
    ("variant", "network"),
    [
        ("wgan-gp", {"resnet": {"width": 4, "modulation": "self", "generator_norm": "layer"}}),
        ("sngan", {"resnet": {"width": 4, "modulation": "skip_z"}}),
        ("rpgan-r1r2", {"r3gan": {"width": 8}}),
    ],
)
def test_training_traced_over_seeds_equals_training_seed_by_seed(
    variant: str, network: dict[str, Any]
) -> None:
    options = {"network": network, "latent_dim": 4, "batch_size": 4}
    options |= {"n_critic": 1, "optimizer": "sgd", "learning_rate": 0.02}
    traced, plainly = (
        numbers(finish(cohort(variant, options, dataset="digits", budget=("steps", 4), mode=mode)))
        for mode in ("traced", "plain")
    )
    assert deviation(traced, plainly) < 1e-11


# How they start


def test_r3gan_starts_as_the_identity_with_scaled_weights() -> None:
    generator = started(architecture({"r3gan": {"width": 64, "blocks": 2}}).generator(16, images_of(32)))
    block = generator.stages[1][0]
    images = torch.randn(2, 64, 8, 8, generator=source())
    assert torch.equal(block(images), images)
    gain = math.sqrt(2 / 1.04) * 8**-0.25  # eight blocks in all
    assert block.conv1.weight.std().item() == pytest.approx(gain / math.sqrt(64), rel=0.05)
    assert block.conv2.weight.std().item() == pytest.approx(gain / math.sqrt(9 * 16), rel=0.05)
    assert generator.basis.basis.std().item() == pytest.approx(1, rel=0.1)
    assert generator.basis.linear.weight.std().item() == pytest.approx(1 / 4, rel=0.1)


def test_resnet_starts_with_glorots_variance() -> None:
    generator = started(architecture({"resnet": {"width": 64}}).generator(64, images_of(16)))
    block = generator.blocks[0]
    for layer, fan, gain in ((block.conv1, 9 * 64, 2), (block.shortcut, 64, 1), (generator.colors[1], 0, 1)):
        fans = 2 * fan or 9 * (64 + 3)
        assert layer.weight.var().item() == pytest.approx(gain * 2 / fans, rel=0.1)


def test_a_conditional_network_starts_without_regard_to_the_class_and_attention() -> None:
    pair = architecture({"resnet": {"width": 8, "attention": 8}})
    generator = started(pair.generator(LATENT, images_of(16), CLASSES)).double()
    noise = normal(COUNT, LATENT)
    torch.testing.assert_close(generator(noise, LABELS), generator(noise, LABELS.flip(0)))
    assert all(layer.gamma == 0 for layer in generator.blocks if hasattr(layer, "gamma"))


# Mistakes


@pytest.mark.parametrize(("side", "attention", "where"), [(32, 32, "16 or 8"), (28, 8, "14"), (8, 4, None)])
def test_attention_where_a_player_has_no_such_image_is_refused(
    side: int, attention: int, where: str | None
) -> None:
    pair = architecture({"resnet": {"width": 4, "attention": attention}})
    text = f"attention is at {where} in networks" if where else "attention has no place in networks"
    for build in (
        lambda: pair.generator(LATENT, images_of(side)),
        lambda: pair.discriminator(images_of(side)),
    ):
        with pytest.raises(GanbenchError, match=text):
            build()


@pytest.mark.parametrize(("latent", "fitting"), [(64, 64), (63, 64), (1, 4), (130, 128)])
def test_a_latent_that_skip_z_cannot_divide_is_refused_with_one_that_it_can(
    latent: int, fitting: int
) -> None:
    pair = architecture({"resnet": {"width": 4, "modulation": "skip_z"}})
    pair.generator(fitting, images_of(32))
    if latent != fitting:
        with pytest.raises(GanbenchError, match=f"latent_dim is {latent}; {fitting} would do"):
            pair.generator(latent, images_of(32))


def test_only_dirac_flat_and_location_scale_lack_conditional_generators() -> None:
    lacking = set()
    for name in registry._builtin("network"):
        shape = {"mlp28": (1, 28, 28)}.get(name, (1, 8, 8))
        try:
            architecture(name).generator(64, DataSpec.real(shape, (-1.0, 1.0)), CLASSES)
        except GanbenchError as error:
            lacking |= {(name, "no conditional generator" in str(error))}
    assert lacking == {("dirac", True), ("flat", True), ("location_scale", True)}
