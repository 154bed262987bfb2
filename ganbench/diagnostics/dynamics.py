"""How the players move: path angle, the game Jacobian's eigenvalues, rotation, successive gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from torch import Tensor

from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    Quantity,
    Snapshot,
    arrays_of,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.game_jacobian import (
    Layout,
    Motion,
    Undefined,
    cosine,
    rotation_share,
    rotation_share_of,
)
from ganbench.diagnostics.estimators.krylov import Spectrum, batch_of_replicas, krylov_spectra, spectra_of
from ganbench.game import PLAYERS, Tree
from ganbench.training.batches import draw_random_input, random_inputs

VERSION = 1
Params = Mapping[str, Tree]
"""Stacked parameters {player: {name: [S, ...]}}."""
_TOLERANCE = 1e-4
_ON_THE_WAY = {"start": 0.0, "middle": 0.5, "end": 1.0}
_PLACES = {"start": "at the last checkpoint", "middle": "halfway", "end": "at this one"}
_SHARES = tuple(float(share) for share in np.linspace(-0.2, 1.3, 16).round(1))
"""Of the way from the first to the last checkpoint, beyond both ends: where a sign switch would show."""
_EIGENVALUES_KEPT = 256
_ALONG = "along_field"
_OF_POINT = (f"rotation_share_{_ALONG}", "field_alignment")
"""What one product with the Jacobian tells: measured at every point."""


@register_diagnostic("dynamics", by_default=False)
def dynamics(
    dataset: Dataset,
    eigenvalues: Annotated[int, Ge(1), "how many leading eigenvalues to report"] = 4,
    exact_up_to: Annotated[int, Ge(0), "parameters up to which the Jacobian is built whole"] = 300,
    every_point: Annotated[
        bool, "eigenvalues and rotation of larger games at every point, not the last"
    ] = False,
    products: Annotated[int, Ge(2), "products with the Jacobian for a larger game's eigenvalues"] = 20,
    probes: Annotated[int, Ge(1), "random vectors for a larger game's rotation share"] = 4,
    at_most: Annotated[int, Gt(0), "parameters beyond which no Jacobian is looked at"] = 1_000_000,
) -> Diagnostic:
    """Path angle, leading eigenvalues of the game Jacobian, rotation share, and cosines of gradients.

    F is the field of motion, minus every player's gradient of its own loss, in all players' parameters ω;
    J = ∂F/∂ω.  So a negative real part attracts, as in the eigenvalues −γ/2 ± … of Dirac-GAN with R1
    (Mescheder et al. 2018).  Berard et al. (2020) take the gradients themselves: their J and path angle
    have the opposite sign.

    What good looks like
      game_eigenvalue_*           real and imaginary parts of λ₁, λ₂, … by magnitude.  Real parts below zero
                                  attract; an imaginary part means circling.  A simultaneous gradient step h
                                  converges only if h < −2 Re λ/|λ|² for every λ.
      game_eigenvalue_rightmost   the largest real part found: above zero, some direction repels.
      rotation_share              r = ‖A‖²/(‖A‖² + ‖S‖²) of J's antisymmetric and symmetric part: 0 where all
                                  players descend one function, 1 in a bilinear game; ‖A‖/‖S‖ = √(r/(1−r)).
      rotation_share_along_field  the same of A F and S F: how much of F's change along itself is a turn.
      field_alignment             (F·JF)/(‖F‖‖JF‖): −1 F dies away along itself, 0 it turns, 1 it grows.
      path_angle_start, _middle, _end  cosine of F and the straight way from the last checkpoint to this one,
                                  at its ends and halfway.  1, and −1 beyond the end: attraction (a sign
                                  switch).  A bump in the middle between values near 0: both lie on a circle.
      gradient_cosine_to_previous cosine of F here and F at the last checkpoint, on the same batch.
      batch_cosine_*              cosine of a player's gradients on two independent batches: 1 for an exact
                                  game, 0 for a gradient lost in noise.
    What looks back to another checkpoint is NaN at the first.

    Blind to: the optimizer (Adam follows another field), momentum and alternation; all beyond first order.
    One batch stands for the loss.  A ReLU's kinks have no curvature, and
    spectral norm's singular vectors count as fixed.  Eigenvalues by products are the
    outer ones, NaN from the first that is not known to 1e-4 of |λ₁|; the rightmost is NaN where its sign is
    open, and may hide within the bulk.

    Protocol: the measuring batch, of the variant's own size and the same at every moment, and a second one;
    training mode; J in float64 copies with frozen buffers.  Along a path only the parameters move: buffers,
    and optimizers' state where a loss reads it, are those of the present moment.  Up to `exact_up_to`
    parameters J is built whole, at every point.  Beyond, eigenvalues by Arnoldi's method without
    restarts, the share by Hutchinson's estimator (with 4 probes good to a third), at the last point only
    unless `every_point`.  Where torch cannot take a second derivative, values are NaN and the protocol says
    why.
    Ten seeds of 128/128 (35,971 parameters), one thread: 0.2 s a snapshot, 2.6 s for the last; of 235
    parameters 0.4 s.  Convolutions run seed by seed: seconds a seed at the last.

    Sources: Berard et al. 2020, section 4; Mescheder et al. 2017; Balduzzi et al. 2018, section 2.
    """
    return Dynamics(eigenvalues, exact_up_to, every_point, products, probes, at_most)


class Dynamics(Diagnostic):
    """Keeps the parameters of the first and the last checkpoint, to measure the way between them."""

    kept = ("_present", "_previous", "_first", "_figure", "_reason")

    def __init__(
        self, eigenvalues: int, exact_up_to: int, every_point: bool, products: int, probes: int, at_most: int
    ) -> None:
        self._eigenvalues, self._exact_up_to, self._every_point = eigenvalues, exact_up_to, every_point
        self._products, self._probes, self._at_most = products, probes, at_most
        self._present: tuple[int, Params] | None = None
        self._previous: Params | None = None
        self._first: Params | None = None
        self._figure: dict[str, Tensor] = {}
        self._reason: str | None = None
        self.quantities = self._declared(PLAYERS)

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S]; those of the Jacobian of a large game at the last point only."""
        params = snapshot.parameters()
        self._move_on(snapshot.moment.step, params)
        values = self._along_the_path(snapshot, params) | self._around_the_point(snapshot, params)
        if snapshot.moment.final:
            self._keep_path(snapshot, params)
        declared = self._declared(tuple(params))
        self.quantities = tuple(quantity for quantity in declared if quantity.name in values)
        return values

    def arrays(self) -> Mapping[str, NDArray]:
        """`eigenvalues` and `residuals` [S, E], NaN-padded; `path_share` [A], `path_angle` [S, A]."""
        return arrays_of(self._figure)

    def _move_on(self, step: int, params: Params) -> None:
        """What was present becomes previous, unless the same moment is measured again."""
        if self._present is not None and self._present[0] != step:
            self._previous = self._present[1]
        self._first = self._first or params
        self._present = (step, params)

    def _along_the_path(self, snapshot: Snapshot, params: Params) -> dict[str, Tensor]:
        names = [*(f"path_angle_{place}" for place in _ON_THE_WAY), "gradient_cosine_to_previous"]
        if self._previous is None:
            return dict.fromkeys(names, _undefined(snapshot))
        motion = motion_along(snapshot, self._previous, params, tuple(_ON_THE_WAY.values()))
        cosines = path_cosines(motion, self._previous, params)
        return dict(zip(names, [*cosines, cosine(motion[0], motion[-1])], strict=True))

    def _keep_path(self, snapshot: Snapshot, params: Params) -> None:
        assert self._first is not None
        motion = motion_along(snapshot, self._first, params, _SHARES)
        self._figure = self._figure | {
            "path_share": torch.tensor(_SHARES, dtype=torch.float64),
            "path_angle": path_cosines(motion, self._first, params).T,
            "path_field_norm": torch.linalg.vector_norm(motion, dim=2).T,
        }

    def _around_the_point(self, snapshot: Snapshot, params: Params) -> dict[str, Tensor]:
        motion = Motion(snapshot.game, params, snapshot.buffers(), snapshot.batch(), snapshot.looped)
        values = dict.fromkeys((f"batch_cosine_{player}" for player in params), _undefined(snapshot))
        size, looked_at = motion.layout.size, {*_OF_POINT}
        if size > self._at_most:
            looked_at, self._reason = set(), f"{size:,} parameters, more than at_most"
        elif snapshot.moment.final or self._every_point or size <= self._exact_up_to:
            looked_at = {quantity.name for quantity in self._of_jacobian()}
        values |= dict.fromkeys(looked_at, _undefined(snapshot))
        try:
            field = motion.value()
            values |= self._of_batches(snapshot, motion, field)
            if looked_at:
                values |= self._of_field(motion, field)
            if len(looked_at) > len(_OF_POINT):
                values |= self._of_whole(snapshot, motion)
        except Undefined as error:
            self._reason = str(error)
        return values

    def _of_batches(self, snapshot: Snapshot, motion: Motion, field: Tensor) -> dict[str, Tensor]:
        sizes = [sum(s.numel() for s in tree.values()) for tree in motion.layout.shapes.values()]
        other = motion.value(_second_batch(snapshot))
        pairs = zip(motion.layout.shapes, field.split(sizes, 1), other.split(sizes, 1), strict=True)
        return {f"batch_cosine_{player}": cosine(one, two) for player, one, two in pairs}

    def _of_field(self, motion: Motion, field: Tensor) -> dict[str, Tensor]:
        forward, backward = motion.product(field), motion.transposed_product(field)
        share = rotation_share(lambda _: forward, lambda _: backward, field.unsqueeze(0))
        return dict(zip(_OF_POINT, (share, cosine(field, forward)), strict=True))

    def _of_whole(self, snapshot: Snapshot, motion: Motion) -> dict[str, Tensor]:
        if motion.layout.size <= self._exact_up_to:
            matrices = motion.jacobian()
            spectra, share = spectra_of(matrices), rotation_share_of(matrices)
        else:
            spectra, share = self._by_products(snapshot, motion)
        self._keep_spectra(spectra)
        return {"rotation_share": share} | self._of_spectra(spectra)

    def _by_products(self, snapshot: Snapshot, motion: Motion) -> tuple[list[Spectrum], Tensor]:
        stream, shape = snapshot.streams("dynamics/vectors"), (motion.layout.size,)
        starts = stream.normal(shape, torch.float64)
        signs = torch.stack([stream.normal(shape, torch.float64).sign() for _ in range(self._probes)])
        share = rotation_share(motion.product, motion.transposed_product, signs)
        count = batch_of_replicas(motion.layout.size, self._products)
        parts = zip(motion.parts(count), starts.split(count), strict=True)
        spectra = [s for part, start in parts for s in krylov_spectra(part.product, start, self._products)]
        return spectra, share

    def _of_spectra(self, spectra: list[Spectrum]) -> dict[str, Tensor]:
        leading = np.stack([spectrum.leading(self._eigenvalues, _TOLERANCE) for spectrum in spectra])
        rightmost = [spectrum.rightmost() for spectrum in spectra]
        values = {"game_eigenvalue_rightmost": torch.tensor(rightmost, dtype=torch.float64)}
        for place in range(self._eigenvalues):
            values[f"game_eigenvalue_real_{place + 1}"] = torch.from_numpy(leading[:, place].real.copy())
            values[f"game_eigenvalue_imag_{place + 1}"] = torch.from_numpy(leading[:, place].imag.copy())
        return values

    def _keep_spectra(self, spectra: list[Spectrum]) -> None:
        longest = min(max(len(spectrum.values) for spectrum in spectra), _EIGENVALUES_KEPT)
        values = np.full((len(spectra), longest), np.nan, np.complex128)
        residuals = np.full((len(spectra), longest), np.nan)
        for row, spectrum in enumerate(spectra):
            kept = min(len(spectrum.values), longest)
            values[row, :kept], residuals[row, :kept] = spectrum.values[:kept], spectrum.residuals[:kept]
        arrays = {"eigenvalues": torch.from_numpy(values), "residuals": torch.from_numpy(residuals)}
        self._figure = self._figure | arrays

    def _declared(self, players: tuple[str, ...]) -> tuple[Quantity, ...]:
        described = partial(Quantity, protocol={"version": VERSION})
        path = (
            described(f"path_angle_{place}", f"Cosine of field and path, {text}")
            for place, text in _PLACES.items()
        )
        batches = (
            described(f"batch_cosine_{player}", f"Cosine of the {player}'s gradients on two batches")
            for player in players
        )
        previous = described("gradient_cosine_to_previous", "Cosine of the field with the last checkpoint's")
        return (*path, previous, *batches, *self._of_jacobian())

    def _of_jacobian(self) -> tuple[Quantity, ...]:
        protocol: dict[str, Any] = {
            "version": VERSION,
            "exact_up_to": self._exact_up_to,
            "products": self._products,
            "probes": self._probes,
        }
        if self._reason is not None:
            protocol["not_measured"] = self._reason
        titles = {
            f"game_eigenvalue_{part}_{i}": f"{text} part of the game Jacobian's λ{i}"
            for i in range(1, self._eigenvalues + 1)
            for part, text in (("real", "Real"), ("imag", "Imaginary"))
        }
        titles |= {
            "game_eigenvalue_rightmost": "Largest real part of the game Jacobian's eigenvalues",
            "rotation_share": "Rotation's share of the game Jacobian",
            f"rotation_share_{_ALONG}": "Rotation's share along the field",
            "field_alignment": "Cosine of the field and its change along itself",
        }
        return tuple(Quantity(name, title, protocol=protocol) for name, title in titles.items())


def _undefined(snapshot: Snapshot) -> Tensor:
    return torch.full((len(snapshot.seeds),), torch.nan, dtype=torch.float64, device=snapshot.device)


def _second_batch(snapshot: Snapshot) -> dict[str, Tensor]:
    """A batch independent of the measuring one, with the same constant inputs."""
    batch = dict(snapshot.batch())
    draws = random_inputs(snapshot.game)
    of_data = snapshot.sampler().draw(batch[snapshot.dataset.info.spec.target].shape[1])
    for name, value in batch.items():
        if name in draws:
            source = snapshot.streams(f"dynamics/{name}")
            batch[name] = draw_random_input(source, draws[name], value.shape[1], snapshot.dtype)
        elif name in of_data:
            batch[name] = of_data[name]
    return batch


def between(start: Params, end: Params, share: float) -> dict[str, Tree]:
    """The parameters at a share of the straight way from `start` to `end`; outside [0, 1]: beyond them."""
    return {
        player: {name: torch.lerp(value, end[player][name], share) for name, value in tree.items()}
        for player, tree in start.items()
    }


def motion_along(snapshot: Snapshot, start: Params, end: Params, shares: Sequence[float]) -> Tensor:
    """The field of motion, minus the gradients, at shares of the way: float64 [shares, S, P]."""
    layout = Layout.of(end)
    fields = (snapshot.field_at(between(start, end, share)) for share in shares)
    return torch.stack([-layout.vectors(field) for field in fields])


def path_cosines(motion: Tensor, start: Params, end: Params) -> Tensor:
    """Cosine of the field [shares, S, P] and the way from `start` to `end`: [shares, S].

    Positive where training goes forward along the path.  Berard et al. (2020, eq. 6) take the gradients
    themselves, so theirs has the opposite sign.  NaN where the way or the field has no length.
    """
    layout = Layout.of(end)
    way = layout.vectors(end) - layout.vectors(start)
    return torch.stack([cosine(field, way) for field in motion])
