"""Small landscapes and one small written example, made once for all tests of the simulator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from imagery.simulate.example import write_example
from imagery.simulate.landscape import Landscape, build_landscape

SIZE = 160
SEED = 5


@cache
def small(name: str) -> Landscape:
    """Return a landscape of 160 x 160 cells."""
    return build_landscape(name, SEED, SIZE)


@pytest.fixture(scope="session")
def landscape_of() -> Callable[[str], Landscape]:
    """Give the small landscape of a scenario."""
    return small


@pytest.fixture(scope="session", params=["andes-coca", "helmand-poppy", "rif-cannabis"])
def landscape(request: pytest.FixtureRequest) -> Landscape:
    """Give each small landscape in turn."""
    return small(request.param)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a written example of poppy."""
    folder = tmp_path_factory.mktemp("example")
    write_example("helmand-poppy", folder, seed=SEED, size=SIZE)
    return folder
