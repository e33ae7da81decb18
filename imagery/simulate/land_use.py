"""Which layout of fields a scenario has."""

from __future__ import annotations

from geo.grid import GeoBox
from imagery.profile import CropProfile
from imagery.simulate.andes import lay_out_clearings
from imagery.simulate.fields import LandUse
from imagery.simulate.helmand import lay_out_strips
from imagery.simulate.relief import Ground
from imagery.simulate.rif import lay_out_terraces
from imagery.simulate.scenario import Scenario

__all__ = ["LandUse", "lay_out"]

_LAYOUTS = {"clearings": lay_out_clearings, "strips": lay_out_strips, "terraces": lay_out_terraces}


def lay_out(scenario: Scenario, profile: CropProfile, geobox: GeoBox, ground: Ground, seed: int) -> LandUse:
    """Lay out the fields of a scenario and give each its class in every year.

    Parameters
    ----------
    scenario, profile
        The place and its classes.
    geobox
        Grid of 10 m cells.
    ground
        Elevation and rivers.
    seed
        Seed of the landscape.
    """
    return _LAYOUTS[scenario.layout](scenario, profile, geobox, ground, seed)
