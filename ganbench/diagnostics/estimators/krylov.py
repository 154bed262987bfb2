"""Leading eigenvalues of real matrices: of whole ones, or by products only, all seeds in lockstep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BREAKDOWN, _EXACT = 1e-12, 1e-9
_NUMBERS_OF_BASES = 32_000_000
"""Of all bases that are kept at once: 256 MB."""


@dataclass(frozen=True)
class Spectrum:
    """One replica's eigenvalues, the largest in magnitude first, each with its residual.

    `residuals` are ‖Jy − λy‖ over |λ₁| for unit y: λ is an eigenvalue of a matrix that near to J (and is
    itself further off by the factor of its condition where J is far from normal).  0 for whole matrices.
    """

    values: NDArray[np.complex128]
    residuals: NDArray[np.float64]

    def leading(self, count: int, tolerance: float) -> NDArray[np.complex128]:
        """The `count` of largest magnitude, in order; NaN from the first that is not known to `tolerance`."""
        known = np.cumprod(self.residuals <= tolerance).astype(bool)[:count]
        leading = np.full(count, np.nan + 1j * np.nan)
        leading[: len(known)][known] = self.values[:count][known]
        return leading

    def rightmost(self) -> float:
        """The largest real part; NaN where it is not known to a quarter of its size, so its sign is open."""
        if not len(self.values):
            return np.nan
        place = int(np.argmax(self.values.real))
        real, largest = self.values[place].real, np.abs(self.values[0])
        error = self.residuals[place]
        return float(real) if error <= _EXACT or error * 4 * largest <= abs(real) else np.nan


def spectra_of(matrices: Tensor) -> list[Spectrum]:
    """All eigenvalues of real matrices [S, P, P]; none of one that is not finite."""
    spectra = []
    for matrix in matrices:
        finite = bool(matrix.isfinite().all())
        values = torch.linalg.eigvals(matrix).cpu().numpy() if finite else np.empty(0, np.complex128)
        spectra.append(_in_order(values, np.zeros(len(values))))
    return spectra


def batch_of_replicas(size: int, steps: int) -> int:
    """How many replicas of `size` parameters have bases that fit into memory together; at least one."""
    return max(1, _NUMBERS_OF_BASES // (size * (min(steps, size) + 1)))


def krylov_spectra(product: Callable[[Tensor], Tensor], starts: Tensor, steps: int) -> list[Spectrum]:
    """Ritz values of each replica's matrix after `steps` products from start vectors [S, P].

    Arnoldi's method without restarts: one basis serves both ends of the spectrum, and all replicas share each
    product.  Like every Krylov method it finds outer eigenvalues first and may miss one within the bulk.
    The number of products is as given (at most P): for memory, give fewer replicas (`batch_of_replicas`).
    """
    count, size = starts.shape
    steps = min(steps, size)
    basis = starts.new_zeros(steps + 1, count, size)
    projected = starts.new_zeros(count, steps + 1, steps)
    basis[0] = starts / torch.linalg.vector_norm(starts, dim=1, keepdim=True)
    for step in range(steps):
        vector, present = product(basis[step]), basis[: step + 1]
        for _ in range(2):  # twice is enough to keep the basis orthogonal to rounding
            parts = torch.einsum("ksp,sp->sk", present, vector)
            vector = vector - torch.einsum("sk,ksp->sp", parts, present)
            projected[:, : step + 1, step] += parts
        norm = torch.linalg.vector_norm(vector, dim=1)
        whole = torch.linalg.vector_norm(projected[:, :, step], dim=1)
        norm = torch.where(norm <= _BREAKDOWN * whole, 0.0, norm)  # the basis spans an invariant space
        projected[:, step + 1, step] = norm
        basis[step + 1] = torch.where(norm[:, None] > 0, vector / norm[:, None], 0.0)
    return [_ritz(matrix) for matrix in projected.cpu().numpy()]


def _ritz(projected: NDArray[np.float64]) -> Spectrum:
    """The spectrum that a Hessenberg matrix [steps + 1, steps] tells; its last row is what it misses."""
    if not np.isfinite(projected).all():
        return _in_order(np.empty(0, np.complex128), np.empty(0))
    below = np.diagonal(projected, -1)
    size = int(np.argmax(below == 0)) + 1 if (below == 0).any() else len(below)
    values, vectors = np.linalg.eig(projected[:size, :size])
    values = values.astype(np.complex128)
    largest = np.abs(values).max()
    missed = np.abs(vectors[-1]) * below[size - 1]
    return _in_order(values, missed / largest if largest > 0 else missed)


def _in_order(values: NDArray[np.complex128], residuals: NDArray[np.float64]) -> Spectrum:
    """Largest magnitude first; of a conjugate pair the one with the positive imaginary part first."""
    order = np.lexsort((-values.imag, -values.real, -np.abs(values)))
    return Spectrum(values[order].astype(np.complex128), residuals[order])
