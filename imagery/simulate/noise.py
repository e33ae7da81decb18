"""Random fields with the grain of nature: smooth at a distance, rough near by, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["fractal", "smoothstep", "stream"]


def stream(seed: int, *keys: int) -> np.random.Generator:
    """Return the random stream of one part of a landscape.

    Parameters
    ----------
    seed
        Seed of the landscape.
    keys
        Which part; streams with other keys are independent, so parts may be made in any order.
    """
    return np.random.default_rng([seed, *keys])


def fractal(shape: Sequence[int], *, beta: float, longest: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a Gaussian field with a power-law spectrum, mean 0 and standard deviation 1.

    Parameters
    ----------
    shape
        Rows and columns.
    beta
        Power falls as (spatial frequency) ** -beta; 2 is rough, 4 is smooth.
    longest
        Longest wavelength, in cells; the spectrum is flat beyond it.
    rng
        Source of the white noise.

    Returns
    -------
    ndarray, shape `shape`
        Periodic: the left edge continues the right one, the top the bottom.
    """
    height, width = shape
    white = rng.standard_normal((height, width), dtype=np.float32)
    frequency = np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.rfftfreq(width)[None, :])
    amplitude = (frequency**2 + (1.0 / longest) ** 2) ** (-beta / 4)
    amplitude[0, 0] = 0.0
    spectrum = scipy.fft.rfft2(white) * amplitude.astype(np.float32)
    field = scipy.fft.irfft2(spectrum, s=(height, width))
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def smoothstep(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 0 below 0, 1 above 1 and the cubic 3x^2 - 2x^3 between.

    Examples
    --------
    >>> smoothstep(np.array([-1.0, 0.0, 0.5, 2.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    x = np.clip(values, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))
