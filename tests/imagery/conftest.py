"""One small world and a model of it, made once for all tests that map it; none of them changes either."""

from __future__ import annotations

import pytest

from imagery.model import TrainedModel
from tests.imagery.test_classify import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the small world."""
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def model(world: World) -> TrainedModel:
    """Return a model of it."""
    return world.train()
