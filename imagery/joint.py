"""Scenes of several sensors in one series: the bands that all of them have, each scene read by its own rules.

Reflectance must first be brought to one sensor's view (`imagery.harmonise`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from geo.errors import Problem, SurveyFileError
from imagery.scene import Scene
from imagery.sensor import Band, Sensor

__all__ = ["JointSensors", "joint_sensors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSensors:
    """Several sensors as one."""

    sensor: Sensor
    """What they have in common, under the common names of the first."""
    members: tuple[Sensor, ...]
    """Each of them, with these bands alone."""
    sources: tuple[tuple[str, ...], ...]
    """Of each, its own common name of every band."""

    def scenes(self, member: int, scenes: Iterable[Scene]) -> tuple[Scene, ...]:
        """Return scenes of one of the sensors as scenes of all of them."""
        names = dict(zip(self.sensor.common, self.sources[member], strict=True))
        return tuple(
            replace(
                scene,
                bands={name: scene.bands[source] for name, source in names.items()},
                sensor=self.members[member],
            )
            for scene in scenes
        )


def joint_sensors(sensors: Sequence[Sensor]) -> JointSensors:
    """Return what several sensors have in common.

    Parameters
    ----------
    sensors
        The first one gives the order of the bands.

    Raises
    ------
    SurveyFileError
        If they do not measure one quantity in one unit, or share fewer than two bands.
    """
    first = sensors[0]
    stranger = next(
        (one for one in sensors if (one.quantity, one.quantum) != (first.quantity, first.quantum)), None
    )
    if stranger is not None:
        found = f"{stranger.name} measures {stranger.quantity} and {first.name} {first.quantity}"
        raise SurveyFileError(
            Problem("[[imagery.further]]", found, "one quantity in a series", 'set use = "features"')
        )
    by_name = [_standing_in(one) for one in sensors]
    shared = [name for name in by_name[0] if all(name in names for names in by_name)]
    if len(shared) < 2:
        found = f"{' and '.join(one.name for one in sensors)} share {', '.join(shared) or 'no band'}"
        raise SurveyFileError(Problem("[[imagery.further]]", found, "two bands or more in common"))
    members = tuple(
        one.model_copy(update={"band": tuple(names[name].model_copy(update={"common": name}) for name in shared)})
        for one, names in zip(sensors, by_name, strict=True)
    )
    joined = members[0].model_copy(
        update={
            "name": "+".join(one.name for one in sensors),
            "title": ", ".join(one.title for one in sensors),
            "source": "; ".join(one.source for one in sensors),
        }
    )
    sources = tuple(tuple(names[name].common for name in shared) for names in by_name)
    return JointSensors(sensor=joined, members=members, sources=sources)


def _standing_in(sensor: Sensor) -> dict[str, Band]:
    """Return the bands by the common name that each has in a joint series."""
    by_common = {band.common: band for band in sensor.band}
    return {name: by_common[sensor.joint.get(name, name)] for name in by_common}
