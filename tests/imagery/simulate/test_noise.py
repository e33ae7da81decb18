"""Random fields."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.simulate.noise import fractal, smoothstep, stream

SLOPE = 0.35  # the power slope of one draw of 256 x 256 scatters by about a tenth


def test_fractal_has_mean_0_and_deviation_1() -> None:
    """Law: the field is standardised whatever its grain and shape."""
    field = fractal((64, 96), beta=3.0, longest=30, rng=stream(1, 2))
    assert field.shape == (64, 96)
    assert abs(float(field.mean())) < 1e-5
    assert float(field.std()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("beta", [2.0, 4.0])
def test_power_falls_with_the_exponent_asked_for(beta: float) -> None:
    """Brute force: the radial power spectrum of a field is a line of slope -beta on logarithmic axes."""
    field = fractal((256, 256), beta=beta, longest=1e4, rng=stream(3, 1))
    power = np.abs(np.fft.fft2(field)) ** 2
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    edges = np.geomspace(0.02, 0.4, 12)
    ring = np.digitize(radius, edges)
    mean = [power[ring == index].mean() for index in range(1, len(edges))]
    middle = np.sqrt(edges[1:] * edges[:-1])
    slope = np.polyfit(np.log(middle), np.log(mean), 1)[0]
    assert slope == pytest.approx(-beta, abs=SLOPE)


def test_streams_are_repeatable_and_apart() -> None:
    """Law: the same keys give the same numbers, other keys others, whatever was drawn before."""
    first = stream(7, 1).random(5)
    stream(7, 2).random(1000)
    assert np.array_equal(first, stream(7, 1).random(5))
    assert not np.array_equal(first, stream(7, 2).random(5))
    assert not np.array_equal(first, stream(8, 1).random(5))


def test_smoothstep_is_flat_at_both_ends() -> None:
    """Law: the cubic leaves 0 and reaches 1 with slope 0, and is symmetric about a half."""
    x = np.linspace(-0.5, 1.5, 401)
    y = smoothstep(x)
    assert (np.diff(y) >= 0).all()
    assert np.allclose(y + y[::-1], 1.0)
    assert y[201] - y[200] > 10 * (y[102] - y[101])
