"""The game Jacobian on games whose matrix is known, the two ways to its eigenvalues, and the path angle."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from engine_cohorts import SMALL, cohort, equal_bits, numbers, register_for_test
from scipy.sparse.linalg import LinearOperator, eigs
from torch import Tensor, nn

from ganbench import registry
from ganbench.diagnostics.dynamics import between, path_cosines
from ganbench.diagnostics.estimators import krylov
from ganbench.diagnostics.estimators.game_jacobian import (
    Layout,
    Motion,
    Undefined,
    rotation_share,
    rotation_share_of,
)
from ganbench.diagnostics.estimators.krylov import krylov_spectra, spectra_of
from ganbench.game import DataSpec, Game, RandomInput
from ganbench.optimizers import optimizer
from ganbench.report.dynamics import _spectra, eigenvalues, path_angles
from ganbench.report.style import looks, styled
from ganbench.training.trainer import Trainer
from ganbench.updates import UpdateRule
from ganbench.variants.variant import Variant

SIZES = {"a": 2, "b": 3, "c": 1}


class Point(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(size))

    def initialize(self, generator: torch.Generator) -> None:
        self.value.normal_(generator=generator)

    def forward(self) -> Tensor:
        return self.value


def linear_game(matrix: Tensor, sizes: Mapping[str, int], optimum: float = 0.0) -> Game:
    """Losses whose gradients are exactly matrix @ (ω − optimum); its diagonal blocks are symmetric."""
    rows = dict(zip(sizes, matrix.split(list(sizes.values())), strict=True))

    def loss(player: str) -> Any:
        def of(networks: Any, _batch: Any) -> Tensor:
            points = {name: getattr(networks, name)() - optimum for name in sizes}
            blocks = dict(zip(sizes, rows[player].split(list(sizes.values()), dim=1), strict=True))
            own = points[player]
            others = sum((blocks[name] @ value for name, value in points.items() if name != player), 0 * own)
            return own @ blocks[player] @ own / 2 + own @ others

        return of

    players = {name: Point(size) for name, size in sizes.items()}
    return Game(players, {name: loss(name) for name in sizes})


def motion_of(matrix: Tensor, sizes: Mapping[str, int], replicas: int = 3, looped: bool = False) -> Motion:
    source = torch.Generator().manual_seed(1)
    params = {
        name: {"value": torch.randn(replicas, size, generator=source, dtype=torch.float64)}
        for name, size in sizes.items()
    }
    empty = {name: {} for name in sizes}
    return Motion(linear_game(matrix, sizes), params, empty, {}, looped)


def bilinear(size: int = 4) -> tuple[Tensor, Tensor]:
    """The gradients' matrix of min over x, max over y of xᵀBy, and B's singular values, falling."""
    block = torch.randn(size, size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    zero = torch.zeros_like(block)
    return torch.cat([torch.cat([zero, block], 1), torch.cat([-block.T, zero], 1)]), torch.linalg.svdvals(
        block
    )


def symmetric(size: int, seed: int) -> Tensor:
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return matrix + matrix.T


def mixed() -> Tensor:
    """Three players: symmetric diagonal blocks, whatever beside them."""
    matrix = torch.randn(6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    start = 0
    for size in SIZES.values():
        block = slice(start, start + size)
        matrix[block, block] = matrix[block, block] + matrix[block, block].T
        start += size
    return matrix


def share_of(matrix: Tensor) -> float:
    turning, straight = (matrix - matrix.T) / 2, (matrix + matrix.T) / 2
    return float(turning.square().sum() / (turning.square().sum() + straight.square().sum()))


@pytest.mark.parametrize("looped", [False, True])
def test_jacobian_and_products_of_a_game_with_three_players(looped: bool) -> None:
    matrix, motion = mixed(), motion_of(mixed(), SIZES, looped=looped)
    assert motion.layout.size == 6
    torch.testing.assert_close(motion.value(), -motion.at @ matrix.T, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(motion.jacobian(), -matrix.expand(3, 6, 6), rtol=1e-13, atol=1e-13)
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    torch.testing.assert_close(motion.product(z), -z @ matrix.T, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(motion.transposed_product(z), -z @ matrix, rtol=1e-13, atol=1e-13)


def test_a_bilinear_game_has_imaginary_eigenvalues_and_only_rotates() -> None:
    matrix, singular = bilinear()
    motion = motion_of(matrix, {"x": 4, "y": 4})
    wanted = np.array([sign * 1j * value for value in singular.tolist() for sign in (1, -1)])
    starts = torch.randn(3, 8, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    for spectra in (spectra_of(motion.jacobian()), krylov_spectra(motion.product, starts, 20)):
        for spectrum in spectra:
            np.testing.assert_allclose(spectrum.leading(8, 1e-6), wanted, atol=1e-12)
            assert abs(spectrum.rightmost()) < 1e-12
    assert rotation_share_of(motion.jacobian()).tolist() == [1, 1, 1]
    assert rotation_share(motion.product, motion.transposed_product, starts[None]).tolist() == [1, 1, 1]


def test_players_who_share_a_loss_do_not_rotate() -> None:
    matrix = symmetric(6, 4)
    motion = motion_of(matrix, SIZES)
    wanted = sorted((-torch.linalg.eigvalsh(matrix)).tolist(), key=lambda value: -abs(value))
    for spectrum in spectra_of(motion.jacobian()):
        np.testing.assert_allclose(spectrum.values, wanted, atol=1e-12)
        assert spectrum.rightmost() == pytest.approx(max(wanted))
    assert rotation_share_of(motion.jacobian()).tolist() == [0, 0, 0]


def test_rotation_share_of_a_mixed_game_and_by_probes() -> None:
    matrix = mixed()
    motion = motion_of(matrix, SIZES)
    share = share_of(matrix)
    assert 0.1 < share < 0.9
    assert rotation_share_of(motion.jacobian()).tolist() == pytest.approx([share] * 3)
    signs = torch.randn(4000, 3, 6, generator=torch.Generator().manual_seed(7), dtype=torch.float64).sign()
    estimated = rotation_share(lambda z: z @ matrix.T, lambda z: z @ matrix, signs)
    assert estimated.tolist() == pytest.approx([share] * 3, abs=0.02)
    whole = math.sqrt(6) * torch.eye(6, dtype=torch.float64).unsqueeze(1).expand(6, 3, 6)
    exact = rotation_share(motion.product, motion.transposed_product, whole)
    assert exact.tolist() == pytest.approx([share] * 3, abs=1e-14)


def test_conjugate_pairs_are_in_order_and_unknown_ones_are_nan() -> None:
    matrix = torch.zeros(1, 5, 5, dtype=torch.float64)
    matrix[0, :2, :2] = torch.tensor([[-1.0, 3.0], [-3.0, -1.0]])
    matrix[0, 2:, 2:] = torch.diag(torch.tensor([0.5, -4.0, 1.0]))
    (spectrum,) = spectra_of(matrix)
    np.testing.assert_allclose(spectrum.values, [-4, -1 + 3j, -1 - 3j, 1, 0.5], atol=1e-13)
    assert spectrum.rightmost() == pytest.approx(1)
    assert np.isnan(spectrum.leading(7, 1e-9)[5:]).all()
    start = torch.ones(1, 5, dtype=torch.float64)
    (few,) = krylov_spectra(lambda z: z @ matrix[0].T, start, 2)
    assert np.isnan(few.leading(2, 1e-6)).all()
    assert few.residuals.max() > 1e-3
    gone = torch.full((1, 2, 2), torch.nan, dtype=torch.float64)
    assert np.isnan(spectra_of(gone)[0].rightmost())


def test_an_invariant_start_gives_its_own_eigenvalues_and_no_others() -> None:
    matrix = torch.diag(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64))
    start = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    part, whole = krylov_spectra(lambda z: z @ matrix, start, 3)
    np.testing.assert_allclose(part.values, [3, 2], atol=1e-12)
    np.testing.assert_allclose(whole.values, [3, 2, 1], atol=1e-12)


# On networks


@functools.cache
def trained(variant: str = "nsgan") -> Trainer:
    made = cohort(variant, {**SMALL, "learning_rate": 1e-2, "optimizer": "sgd"}, mode="plain", seeds=(3, 1))
    for _ in made.train():
        pass
    return made


def network_motion(variant: str = "nsgan") -> Motion:
    made = trained(variant)
    snapshot = made.snapshot(0, True)
    return Motion(made.game, snapshot.parameters(), snapshot.buffers(), snapshot.batch())


def test_products_give_the_eigenvalues_of_the_whole_jacobian_of_a_network() -> None:
    motion = network_motion()
    size = motion.layout.size
    assert 200 < size < 1500
    matrices = motion.jacobian()
    starts = torch.randn(2, size, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    found = krylov_spectra(motion.product, starts, 60)
    for matrix, whole, part in zip(matrices, spectra_of(matrices), found, strict=True):
        scale = abs(whole.values[0])
        np.testing.assert_allclose(part.leading(6, 1e-8), whole.leading(6, 0), atol=1e-6 * scale)
        assert part.rightmost() == pytest.approx(whole.rightmost(), abs=1e-6 * scale)
        operator = LinearOperator((size, size), lambda z, m=matrix: m.numpy() @ z, dtype=np.float64)
        arpack = eigs(operator, 6, which="LM", return_eigenvectors=False, v0=np.ones(size))
        arpack = arpack[np.lexsort((-arpack.imag, -arpack.real, -np.abs(arpack)))]
        np.testing.assert_allclose(whole.leading(6, 0), arpack, atol=1e-8 * scale)
    z = starts
    torch.testing.assert_close(motion.product(z), torch.einsum("sij,sj->si", matrices, z))
    torch.testing.assert_close(motion.transposed_product(z), torch.einsum("sij,si->sj", matrices, z))


@pytest.mark.parametrize("variant", ["nsgan", "wgan-gp", "rpgan-r1r2"])
def test_the_jacobian_of_a_network_is_the_difference_quotient_of_its_field(variant: str) -> None:
    motion = network_motion(variant)
    z = torch.randn(2, motion.layout.size, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    step = 1e-6
    ends = []
    for sign in (1, -1):
        moved = network_motion(variant)
        moved.at = motion.at + sign * step * z
        ends.append(moved.value())
    quotient = (ends[0] - ends[1]) / (2 * step)
    error = (quotient - motion.product(z)).norm(dim=1) / quotient.norm(dim=1)
    assert error.max() < 1e-5


def test_the_field_is_minus_the_engines_gradients() -> None:
    made, motion = trained(), network_motion()
    gradients = motion.layout.vectors(made.snapshot(0, True).field())
    torch.testing.assert_close(motion.value(), -gradients, rtol=1e-11, atol=1e-14)


# Path angle


def path_of(matrix: Tensor, start: Tensor, end: Tensor, shares: list[float]) -> list[float]:
    sizes = {"x": 1, "y": 1}
    trees = [{n: {"value": point[i : i + 1, None]} for i, n in enumerate(sizes)} for point in (start, end)]
    at = [between(trees[0], trees[1], share) for share in shares]
    game, empty = linear_game(matrix, sizes), {name: {} for name in sizes}
    motion = torch.stack([Motion(game, params, empty, {}).value() for params in at])
    return path_cosines(motion, trees[0], trees[1])[:, 0].tolist()


def test_attraction_switches_the_sign_of_the_path_angle() -> None:
    """Gradient descent on ½‖ω‖²: straight to the optimum, and back from beyond it."""
    eye = torch.eye(2, dtype=torch.float64)
    start, optimum = torch.tensor([2.0, 1.0]).double(), torch.zeros(2).double()
    found = path_of(eye, start, optimum, [0.0, 0.5, 0.9, 1.1, 1.5])
    assert found == pytest.approx([1, 1, 1, -1, -1])


def test_rotation_makes_a_bump_without_a_change_of_sign() -> None:
    """Between two points of a circle around the centre of x' = −y, y' = x a quarter turn apart."""
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)  # minus the motion
    start, end = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    found = path_of(turn, start, end, [-9.0, 0.0, 0.5, 1.0, 10.0])
    half = math.sqrt(0.5)  # the distance of the chord from the centre, over that of the point
    assert found == pytest.approx([half / math.hypot(half, 9.5 * math.sqrt(2)), half, 1, half, found[0]])
    centre = path_of(turn, start, torch.zeros(2).double(), [0.0, 0.5, 1.5])
    assert centre == pytest.approx([0, 0, 0])


def point_variant(matrix: Tensor, step: float) -> Variant:
    sizes = {"x": 1, "y": 1}

    def build(_spec: DataSpec) -> Game:
        game = linear_game(matrix, sizes)
        return Game(game.players, game.losses, {"noise": RandomInput((1,))})

    return Variant(build, all_at_once(*sizes), {player: optimizer("sgd", step) for player in sizes}, 4, 4)


def all_at_once(*players: str) -> UpdateRule:
    """Simultaneous gradient descent of players of any name."""

    def advance(field: Any) -> None:
        batch = field.draw(*players)
        gradients = {player: field.gradient(player, batch) for player in players}
        for player, gradient in gradients.items():
            field.step(player, gradient)

    return UpdateRule(advance, dict.fromkeys(players, 1), {players[0]: 1})


def over_training(made: Trainer, **options: Any) -> tuple[list[dict[str, Tensor]], Any]:
    diagnostic = registry.get("diagnostic", "dynamics").factory(made.dataset, **options)
    values = []
    for snapshot in made.train():
        values.append(dict(diagnostic.measure(snapshot)))
        assert set(values[-1]) == {quantity.name for quantity in diagnostic.quantities}
        assert all(value.shape == (len(snapshot.seeds),) for value in values[-1].values())
    return values, diagnostic


def test_the_diagnostic_on_a_quadratic_and_on_a_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    for name, matrix in (("valley", torch.eye(2, dtype=torch.float64)), ("turn", turn)):
        register_for_test(monkeypatch, name, lambda matrix=matrix: point_variant(matrix, 0.01))
        made = cohort(name, {}, mode="plain", budget=("steps", 60), measure=(0.0, 0.5, 1.0))
        (first, second, last), diagnostic = over_training(made)
        assert first["path_angle_middle"].isnan().all()
        assert first["gradient_cosine_to_previous"].isnan().all()
        arrays = diagnostic.arrays()
        assert arrays["path_angle"].shape == (2, len(arrays["path_share"]))
        if name == "valley":
            assert last["path_angle_middle"].tolist() == pytest.approx([1, 1])
            assert last["gradient_cosine_to_previous"].tolist() == pytest.approx([1, 1])
            assert last["field_alignment"].tolist() == pytest.approx([-1, -1])
            assert last["rotation_share_along_field"].tolist() == [0, 0]
            np.testing.assert_allclose(arrays["eigenvalues"], -1, atol=1e-12)
        else:
            angle = 30 * math.atan(0.01)  # of thirty steps, each a turn by atan(h)
            assert second["gradient_cosine_to_previous"].tolist() == pytest.approx([math.cos(angle)] * 2)
            assert second["path_angle_start"].tolist() == pytest.approx([math.cos(angle / 2)] * 2, abs=1e-3)
            assert second["path_angle_middle"].tolist() == pytest.approx([1, 1], abs=1e-4)
            assert last["field_alignment"].abs().max() < 1e-12
            assert last["rotation_share"].tolist() == pytest.approx([1, 1])
            np.testing.assert_allclose(arrays["eigenvalues"], [[1j, -1j]] * 2, atol=1e-12)
            bump = arrays["path_angle"][0][(arrays["path_share"] >= 0) & (arrays["path_share"] <= 1)]
            assert (bump > 0).all()
            assert bump.max() > max(bump[0], bump[-1])
        assert last["batch_cosine_x"].tolist() == pytest.approx([1, 1])  # nothing of the batch is read


def test_a_noisy_gradient_has_a_small_cosine_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of mean(noise + s)·x over one example: cosines of s²/(s² + 1)."""

    def variant(signal: float) -> Variant:
        size = 200

        def build(_spec: DataSpec) -> Game:
            player = Point(size)
            draws = {"noise": RandomInput((size,)), "generator_noise": RandomInput((1,))}
            return Game({"x": player}, {"x": lambda n, b: ((b.noise + signal) @ n.x()).mean()}, draws)

        return Variant(build, all_at_once("x"), {"x": optimizer("sgd", 0.1)}, 1, 1)

    for name, signal in (("noise", 0.0), ("signal", 3.0)):
        register_for_test(monkeypatch, name, lambda signal=signal: variant(signal))
        values, _ = over_training(cohort(name, {}, mode="plain", budget=("steps", 1)))
        expected = signal**2 / (signal**2 + 1)
        assert values[0]["batch_cosine_x"].tolist() == pytest.approx([expected] * 2, abs=0.2)


# Bounds and failures


def test_a_large_game_is_looked_at_closely_only_at_the_end() -> None:
    (first, last), _ = over_training(
        cohort("nsgan", SMALL, mode="plain", budget=("steps", 2)), exact_up_to=10
    )
    assert "rotation_share" not in first
    assert "game_eigenvalue_real_1" not in first
    assert first["field_alignment"].isfinite().all()
    assert last["game_eigenvalue_real_1"].isfinite().all()
    options = {"exact_up_to": 10, "every_point": True, "products": 60}
    (first, close), _ = over_training(cohort("nsgan", SMALL, mode="plain", budget=("steps", 2)), **options)
    assert first["game_eigenvalue_real_1"].isfinite().all()
    (_, exact), _ = over_training(cohort("nsgan", SMALL, mode="plain", budget=("steps", 2)), exact_up_to=1000)
    for name in ("game_eigenvalue_real_1", "game_eigenvalue_imag_2", "game_eigenvalue_rightmost"):
        torch.testing.assert_close(close[name], exact[name], rtol=1e-6, atol=1e-6)


def test_memory_changes_how_many_seeds_at_once_but_not_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    def spectra() -> tuple[dict[str, Tensor], list[int]]:
        counts: list[int] = []
        product = Motion.product
        monkeypatch.setattr(Motion, "product", lambda self, z: counts.append(len(z)) or product(self, z))
        made = cohort("nsgan", SMALL, mode="plain", seeds=(0, 1, 2), budget=("steps", 2))
        (_, last), _ = over_training(made, exact_up_to=10, products=40)
        monkeypatch.setattr(Motion, "product", product)
        return last, counts

    plenty, at_once = spectra()
    size = network_motion().layout.size
    monkeypatch.setattr(krylov, "_NUMBERS_OF_BASES", 2 * 41 * size)
    scarce, by_two = spectra()
    assert [at_once.count(n) for n in (1, 2)] == [0, 0]
    assert [by_two.count(n) for n in (1, 2)] == [40, 40]
    for name, value in plenty.items():
        torch.testing.assert_close(scarce[name], value, rtol=1e-6, atol=1e-8, equal_nan=True)


@pytest.mark.parametrize("looped", [False, True])
def test_a_device_without_memory_is_no_undefined_derivative(looped: bool) -> None:
    def loss(_nets: Any, _batch: Any) -> Tensor:
        raise torch.OutOfMemoryError("no memory is left")

    game = Game({"x": Point(2)}, {"x": loss})
    motion = Motion(game, {"x": {"value": torch.zeros(1, 2)}}, {"x": {}}, {}, looped)
    with pytest.raises(torch.OutOfMemoryError):
        motion.value()
    assert motion._looped is looped  # nor a reason to go on seed by seed


def test_too_large_a_game_gets_no_jacobian_and_the_protocol_says_why() -> None:
    made = cohort("nsgan", SMALL, mode="plain", budget=("steps", 2))
    (_, last), diagnostic = over_training(made, at_most=100)
    assert "field_alignment" not in last
    assert last["path_angle_end"].isfinite().all()
    assert not {q.name for q in diagnostic.quantities if q.name.startswith("game_eigenvalue")}


class _Slope(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None: ...

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> Tensor:
        raise RuntimeError("a slope has no derivative")


class _Square(torch.autograd.Function):
    """A square that can be differentiated once, and not be mapped over replicas."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> Tensor:
        return given * _Slope.apply(ctx.saved_tensors[0])


def once(networks: Any, _batch: Any) -> Tensor:
    return _Square.apply(networks.x()).sum()


def test_a_loss_without_second_derivative_is_nan_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_spec: DataSpec) -> Game:
        return Game(
            {"x": Point(2)},
            {"x": once},
            {"noise": RandomInput((1,))},
        )

    rule = {"x": optimizer("sgd", 0.01)}
    register_for_test(monkeypatch, "once", lambda: Variant(build, all_at_once("x"), rule, 2, 2))
    (_, last), diagnostic = over_training(cohort("once", {}, mode="plain", budget=("steps", 2)))
    assert last["game_eigenvalue_real_1"].isnan().all()
    assert last["path_angle_end"].isfinite().all()
    reasons = {q.protocol.get("not_measured") for q in diagnostic.quantities if "eigenvalue" in q.name}
    assert len(reasons) == 1
    assert None not in reasons


def test_a_loss_that_branches_on_a_number_is_looped() -> None:
    def loss(networks: Any, _batch: Any) -> Tensor:
        x = networks.x()
        return x.square().sum() if x.sum() > 0 else (3 * x.square()).sum()

    game = Game({"x": Point(2)}, {"x": loss})
    params = {"x": {"value": torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)}}
    motion = Motion(game, params, {"x": {}}, {})
    wanted = torch.stack([-2 * torch.eye(2), -6 * torch.eye(2)]).double()
    torch.testing.assert_close(motion.jacobian(), wanted)
    torch.testing.assert_close(
        motion.product(params["x"]["value"]), torch.tensor([[-2.0, -2], [6, 6]]).double()
    )


def test_an_impossible_derivative_is_undefined_not_an_error_of_torch() -> None:
    game = Game({"x": Point(2)}, {"x": once})
    motion = Motion(game, {"x": {"value": torch.full((1, 2), 0.1, dtype=torch.float64)}}, {"x": {}}, {})
    assert motion.value().tolist() == [[-0.2, -0.2]]
    for derivative in (motion.jacobian, lambda: motion.product(motion.at)):
        with pytest.raises(Undefined, match=r"no derivative|forward"):
            derivative()


def test_measuring_changes_no_bit_of_training_and_asks_twice_alike() -> None:
    plain = cohort("nsgan", SMALL, mode="plain", budget=("steps", 6), measure=(0.0, 0.5, 1.0))
    for _ in plain.train():
        pass
    seen = cohort("nsgan", SMALL, mode="plain", budget=("steps", 6), measure=(0.0, 0.5, 1.0))
    before = torch.get_rng_state()
    diagnostic = registry.get("diagnostic", "dynamics").factory(seen.dataset)
    for snapshot in seen.train():
        once, again = diagnostic.measure(snapshot), diagnostic.measure(snapshot)
        assert all(torch.equal(once[name].nan_to_num(7e7), again[name].nan_to_num(7e7)) for name in once)
    assert equal_bits(numbers(plain), numbers(seen))
    assert torch.equal(before, torch.get_rng_state())


def test_a_diverged_seed_is_nan_and_the_other_is_not() -> None:
    made = cohort("nsgan", SMALL, mode="plain")
    made.state.params["discriminator"]["1.weight"][0] = math.nan
    for exact_up_to in (1000, 10):
        diagnostic = registry.get("diagnostic", "dynamics").factory(made.dataset, exact_up_to=exact_up_to)
        values = diagnostic.measure(made.snapshot(0, True))
        for name in ("field_alignment", "rotation_share", "game_eigenvalue_real_1"):
            assert values[name].isnan().tolist() == [True, False], name


def test_layout_goes_there_and_back() -> None:
    trees = {
        "g": {"w": torch.arange(12.0).reshape(2, 2, 3), "b": torch.ones(2, 1)},
        "d": {"w": torch.zeros(2, 2)},
    }
    layout = Layout.of(trees)
    vectors = layout.vectors(trees)
    assert vectors.shape == (2, 9)
    assert vectors.dtype == torch.float64
    back = layout.trees(vectors[1])
    assert torch.equal(back["g"]["w"], trees["g"]["w"][1].double())
    assert back["d"]["w"].shape == (2,)


def test_figures_need_what_was_stored() -> None:
    """Residuals hide the unknown; variants without arrays, and runs without any, have no figure."""
    stored = {
        "dynamics/eigenvalues": np.array([[-3, -1 + 2j, -1 - 2j, np.nan], [-4, 1, 0.5, 9j]]),
        "dynamics/residuals": np.array([[0, 0, 0, np.nan], [1e-9, 1e-9, 1e-9, 0.1]]),
        "dynamics/path_share": np.array([0.0, 0.5, 1.0]),
        "dynamics/path_angle": np.array([[0.1, 0.2, np.nan], [0.3, 0.2, np.nan]]),
    }

    def run_with(*arrays: Any) -> Any:
        cohorts = [
            SimpleNamespace(variant=f"v{i}", parts=[SimpleNamespace(arrays=each)])
            for i, each in enumerate(arrays)
        ]
        return SimpleNamespace(cohorts_of=lambda _dataset: cohorts)

    look = looks(["v0", "v1"])
    assert _spectra(run_with(stored, {}), "ring8")["v0"].tolist() == [-3, -1 + 2j, -1 - 2j, -4, 1, 0.5]
    assert list(_spectra(run_with(stored, {}), "ring8")) == ["v0"]
    with styled():
        for figure in (
            eigenvalues(run_with(stored, {}), "ring8", look),
            path_angles(run_with(stored), "ring8", look),
        ):
            assert figure is not None
            assert figure.png.startswith(b"\x89PNG")
        assert eigenvalues(run_with({}, None), "ring8", look) is None
        assert path_angles(run_with({}, None), "ring8", look) is None
