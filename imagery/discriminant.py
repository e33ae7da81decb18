"""Linear discriminant analysis with a shrunk covariance, kept as JSON.

It weighs all features at once where a tree looks at one at a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.errors import InputError, Problem

__all__ = ["Discriminant", "fit_discriminant", "ledoit_wolf_shrinkage"]

FARTHEST = 8.0
"""Standard deviations at which a feature is cut off, so that no single wild value decides."""
_TILE = 512  # cells handled at once, so that their scores stay in the first cache


@dataclass(frozen=True, eq=False)
class Discriminant:
    """A fitted linear discriminant."""

    codes: tuple[int, ...]
    """Class codes (K)."""
    mean: NDArray[np.float64]
    """Mean of each feature where it was known (k)."""
    scale: NDArray[np.float64]
    """Its standard deviation (k)."""
    weights: NDArray[np.float64]
    """Weight of each standardised feature in the score of each class, shape (K, k)."""
    bias: NDArray[np.float64]
    """Constant of each class (K)."""

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log probabilities up to a constant, shape (K, n).

        Parameters
        ----------
        planes
            Features, shape (k, n); a missing value counts as the mean.

        Notes
        -----
        Summed feature by feature in one order, so that no bit depends on how many cells are asked for at once.
        """
        out = np.repeat(self.bias[:, None], planes.shape[1], axis=1)
        _weigh(
            np.ascontiguousarray(planes), self.mean, self.scale, np.ascontiguousarray(self.weights.T), FARTHEST, out
        )
        return out

    @property
    def text(self) -> str:
        """The model as JSON; numbers are written so that they come back to the bit."""
        content = {
            "kind": "linear_discriminant",
            "codes": list(self.codes),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "weights": self.weights.tolist(),
            "bias": self.bias.tolist(),
        }
        return json.dumps(content) + "\n"

    @classmethod
    def read(cls, text: str) -> Discriminant:
        """Read a model back.

        Raises
        ------
        InputError
            If the text is no such model.
        """
        try:
            content = json.loads(text)
            model = cls(
                codes=tuple(int(code) for code in content["codes"]),
                **{
                    name: np.array(content[name], dtype=np.float64) for name in ("mean", "scale", "weights", "bias")
                },
            )
            k, features = len(model.codes), model.mean.size
            fits = (
                content["kind"] == "linear_discriminant"
                and model.weights.shape == (k, features)
                and model.scale.shape == (features,)
                and model.bias.shape == (k,)
                and all(np.isfinite(part).all() for part in (model.mean, model.scale, model.weights, model.bias))
            )
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(Problem("model", f"no linear discriminant ({error})", "one of a run")) from error
        if not fits:
            raise InputError(Problem("model", "numbers that do not fit together", "a linear discriminant of a run"))
        return model


def fit_discriminant(
    planes: NDArray[np.float32], code: NDArray[np.integer], weight: NDArray[np.float64] | None = None
) -> Discriminant:
    """Fit a linear discriminant.

    Parameters
    ----------
    planes
        Features, shape (k, n); NaN is missing.
    code
        Class codes (n).
    weight
        What each place weighs (n), equal within a class; all alike when None. Weights shift the shares p_c alone:
        what a class looks like does not depend on how often it occurs.

    Raises
    ------
    InputError
        If there are fewer than two classes.

    Notes
    -----
    Score of class c: ``x' S^-1 m_c - m_c' S^-1 m_c / 2 + log p_c`` with the class means m_c of standardised
    features, the shares p_c of the classes, and the pooled covariance S within classes, shrunk towards a multiple
    of the identity. No library call whose sums depend on the number of threads is made.

    References
    ----------
    Fisher, R. A. (1936), Annals of Eugenics 7, 179. Ledoit, O. and Wolf, M. (2004), J. Multivariate Analysis 88,
    365, doi:10.1016/S0047-259X(03)00096-4.
    """
    codes, group = np.unique(code, return_inverse=True)
    if len(codes) < 2:
        raise InputError(
            Problem("training", f"{len(codes)} class", "two classes or more", "add labelled places of others")
        )
    known = ~np.isnan(planes)
    count = np.maximum(known.sum(axis=1), 1)
    wide = np.where(known, planes, np.float32(0)).astype(np.float64)
    mean = wide.sum(axis=1) / count
    scale = np.sqrt((np.where(known, wide - mean[:, None], 0.0) ** 2).sum(axis=1) / count)
    scale[scale == 0] = 1.0
    z = np.stack([_standardised(plane, m, s) for plane, m, s in zip(planes, mean, scale, strict=True)])
    share = np.bincount(group, weights=weight) / (len(group) if weight is None else weight.sum())
    means = np.stack([z[:, group == c].mean(axis=1) for c in range(len(codes))])
    within = z - means[group].T
    covariance = np.einsum("in,jn->ij", within, within) / within.shape[1]
    shrunk = ledoit_wolf_shrinkage(within, covariance)
    target = np.trace(covariance) / len(covariance)
    covariance = (1 - shrunk) * covariance
    covariance[np.diag_indices_from(covariance)] += shrunk * target + 1e-9
    weights = _solve(covariance, means.T).T
    return Discriminant(
        codes=tuple(int(value) for value in codes),
        mean=mean,
        scale=scale,
        weights=weights,
        bias=np.log(share) - 0.5 * (weights * means).sum(axis=1),
    )


def ledoit_wolf_shrinkage(centred: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """Return how far a covariance is best shrunk towards a multiple of the identity, 0 to 1.

    Parameters
    ----------
    centred
        Observations less their means, shape (k, n).
    covariance
        Their products over n, shape (k, k).

    References
    ----------
    Ledoit, O. and Wolf, M. (2004), section 3.2, with the norm ``|A|^2 = trace(A A') / k``.
    """
    k, n = centred.shape
    target = np.trace(covariance) / k
    spread = float((covariance**2).sum()) / k - target**2
    # Sum over observations of |x x' - S|^2, which is (sum of squares of x)^2 less what S has
    noise = (float(((centred**2).sum(axis=0) ** 2).sum()) / n - float((covariance**2).sum())) / (k * n)
    return min(max(noise, 0.0) / spread, 1.0) if spread > 0 else 1.0


def _standardised(plane: NDArray[np.float32], mean: float, scale: float) -> NDArray[np.float64]:
    z = np.clip((plane.astype(np.float64) - mean) / scale, -FARTHEST, FARTHEST)
    z[np.isnan(z)] = 0.0
    return np.asarray(z)


def _solve(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``matrix x = right`` for a symmetric positive definite matrix by Cholesky's method."""
    size = len(matrix)
    root = np.zeros_like(matrix)
    for j in range(size):
        column = matrix[j:, j] - (root[j:, :j] * root[j, :j]).sum(axis=1)
        root[j:, j] = column / np.sqrt(column[0])
    x = np.array(right, dtype=np.float64)
    for i in range(size):
        x[i] = (x[i] - (root[i, :i, None] * x[:i]).sum(axis=0)) / root[i, i]
    for i in reversed(range(size)):
        x[i] = (x[i] - (root[i + 1 :, i, None] * x[i + 1 :]).sum(axis=0)) / root[i, i]
    return x


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh(planes, mean, scale, weights, farthest, out):  # type: ignore[no-untyped-def]
    """Add to each score (K, n) its weights (k, K) of the standardised features (k, n)."""
    features, cells = planes.shape
    z = np.empty(_TILE)
    for start in range(0, cells, _TILE):
        n = min(_TILE, cells - start)
        for j in range(features):
            plane, middle, spread = planes[j, start : start + n], mean[j], scale[j]
            for c in range(n):
                value = (np.float64(plane[c]) - middle) / spread
                bounded = min(max(value, -farthest), farthest)
                z[c] = bounded if value == value else 0.0
            for k in range(len(out)):
                weight, score = weights[j, k], out[k, start : start + n]
                for c in range(n):
                    score[c] += weight * z[c]
