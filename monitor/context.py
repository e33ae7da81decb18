"""What every step of a run may look at: the survey, its frame, the folder of published outputs, its randomness."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from geo.errors import InputError, Problem, SurveyFileError
from geo.files import write_text
from monitor.config import Survey
from monitor.program import program_version
from monitor.sections import ImagerySection, PeriodSection, ReferenceSection, TrainingSection

if TYPE_CHECKING:
    import numpy as np
    import pystac

    from aoi.frame import AreaFrame
    from aoi.project.finding import Finding
    from geo.cluster import DaskCluster
    from geo.runner import Runner
    from imagery.joint import JointSensors
    from imagery.prior import PriorCultivation
    from imagery.profile import CropProfile
    from imagery.sensor import Sensor
    from monitor.sections.imagery import FurtherSection

__all__ = ["BLOCKS", "Context", "Progress", "blocks_folder", "require_no_link"]

BLOCKS = ".blocks"
"""Folder of a run folder that holds finished blocks; it may be deleted at any time."""
MADE_BY = "made-by.txt"
"""Name of the file among the blocks of a step that tells the version of the program."""

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with parts done and parts in all."""


@dataclass(kw_only=True)
class Context:
    """One run's surroundings; heavy parts are made on first use and kept."""

    survey: Survey
    """The survey file."""
    root: Path
    """Folder of the survey file."""
    out: Path
    """Run folder, where earlier steps' outputs stand."""
    jobs: int = 1
    """Threads."""
    resume: bool = True
    """Keep finished blocks."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers make the blocks; None makes them here."""
    identify: Callable[[], str] = str
    """Gives the run's identifier; reads every input when first asked."""

    @cached_property
    def drawn_units(self) -> Any:
        """The layer of administrative units as it is, unchecked."""
        from geo.vector import open_layer

        return open_layer(self.survey.area.admin, layer=self.survey.area.admin_layer)

    @cached_property
    def units(self) -> Any:
        """The administrative units, found sound."""
        drawn = self.drawn_units
        from geo.vector import sound_layer

        area = self.survey.area
        name = f"{area.admin}" if area.admin_layer is None else f"{area.admin} [{area.admin_layer}]"
        return sound_layer(drawn, name, columns=(area.admin_code, area.admin_name), geometry="polygon")

    @cached_property
    def frame(self) -> AreaFrame:
        """The area frame."""
        area, units = self.survey.area, self.units
        from aoi.frame import build_frame  # after the units, since there may be none to build it from

        return build_frame(
            units, code=area.admin_code, name=area.admin_name, crs=area.crs, resolution_m=area.resolution_m
        )

    @cached_property
    def published_units(self) -> Any:
        """The units that an authority publishes figures for, as given: columns code and name."""
        area, units = self.survey.area, self.units
        named = {area.admin_code: "code", area.admin_name: "name"}
        return units[[*named, units.geometry.name]].rename(columns=named)

    @cached_property
    def profile(self) -> CropProfile:
        """The crop profile."""
        from imagery.profile import load_profile

        return load_profile(self.imagery.profile)

    @cached_property
    def first_sensor(self) -> Sensor:
        """The sensor that ``[imagery]`` names."""
        from imagery.sensor import load_sensor

        return load_sensor(self.imagery.sensor)

    @cached_property
    def catalog_items(self) -> tuple[pystac.Item, ...]:
        """The items of the survey's static catalogue, read once for all periods and steps; none without one."""
        if self.imagery.catalog is None:
            return ()
        from imagery.stac import items_of

        return tuple(items_of(self.imagery.catalog))

    @cached_property
    def joint(self) -> JointSensors | None:
        """All sensors whose scenes stand in one series; None where there is but the first."""
        further = [one for one in self.imagery.further if one.use == "series"]
        if not further:
            return None
        from imagery.joint import joint_sensors
        from imagery.sensor import load_sensor

        return joint_sensors([self.first_sensor, *(load_sensor(one.sensor) for one in further)])

    @cached_property
    def sensor(self) -> Sensor:
        """The sensor of the series: the first one, or what all of them have in common."""
        return self.joint.sensor if self.joint is not None else self.first_sensor

    @cached_property
    def radar(self) -> Sensor | None:
        """The radar whose features stand beside the others.

        Raises
        ------
        SurveyFileError
            If the sensor named measures no backscatter.
        """
        section = self.radar_section
        if section is None:
            return None
        from imagery.sensor import load_sensor

        sensor = load_sensor(section.sensor)
        if sensor.quantity != "backscatter_db":
            found = f"{sensor.name}, which measures {sensor.quantity}"
            raise SurveyFileError(
                Problem("[[imagery.further]] use", found, "a radar for features", 'set use = "series"')
            )
        return sensor

    @property
    def radar_section(self) -> FurtherSection | None:
        """The table of the radar, where there is one."""
        return next((one for one in self.imagery.further if one.use == "features"), None)

    @cached_property
    def prior(self) -> PriorCultivation | None:
        """The fields of earlier surveys; None where the survey names none."""
        section = self.survey.prior_cultivation
        if section is None:
            return None
        from imagery.prior import read_prior

        crops = self.survey.survey.crops
        return read_prior(section.fields, layer=section.layer, year=section.year, crop=section.crop, crops=crops)

    @cached_property
    def findings(self) -> list[Finding]:
        """Everything found in the tables of the programme; for a survey that has one."""
        from monitor.programme_tables import examined

        return examined(self)

    @property
    def imagery(self) -> ImagerySection:
        """The ``[imagery]`` table of a survey that has one."""
        return _given(self.survey.imagery, "imagery")

    @property
    def training(self) -> TrainingSection:
        """The ``[training]`` table of a survey that has one."""
        return _given(self.survey.training, "training")

    @property
    def reference(self) -> ReferenceSection:
        """The ``[reference]`` table of a survey that has one."""
        return _given(self.survey.reference, "reference")

    @property
    def compared(self) -> tuple[PeriodSection, ...]:
        """The baseline (when there is one) and the current period, in that order."""
        found = (self.survey.role("baseline"), self.survey.role("current"))
        return tuple(period for period in found if period is not None)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the generator of one purpose; the survey's seed and the purpose decide it alone."""
        import numpy as np

        return np.random.default_rng(
            np.random.SeedSequence([self.survey.survey.seed, zlib.crc32(purpose.encode())])
        )

    def runner(self, step: str) -> Runner:
        """Return how the blocks of a step are made, with those that are finished already in the run folder."""
        from geo.journal import BlockJournal
        from geo.runner import Runner

        folder = self.out.resolve() / BLOCKS / blocks_folder(step)
        require_no_link(folder.parent, folder)
        if not self.resume:
            shutil.rmtree(folder, ignore_errors=True)
        _forget_others(folder, program_version())
        return Runner(jobs=self.jobs, journal=BlockJournal(folder), cluster=self._workers)

    @property
    def _workers(self) -> Callable[[], AbstractContextManager[DaskCluster]] | None:
        if self.scheduler is None:
            return None
        from geo.cluster import connected

        return partial(connected, self.scheduler)

    def class_map_path(self, period: str) -> Path:
        """Return where the class map of a period stands."""
        return self.out / "class_map" / f"{period}.tif"

    def probability_path(self, crop: str, period: str) -> Path:
        """Return where the probability raster of a crop and period stands."""
        return self.out / "class_map" / f"probability_{crop}_{period}.tif"

    def uncertainty_path(self, period: str) -> Path:
        """Return where the uncertainty raster of a period stands."""
        return self.out / "class_map" / f"uncertainty_{period}.tif"

    def greenness_path(self, crop: str, period: str) -> Path:
        """Return where the greenness floor of a crop and period stands."""
        return self.out / "class_map" / f"greenness_floor_{crop}_{period}.tif"

    def read_overlay(self, index: int) -> Any:
        """Return the polygons of overlay number `index`, grown where it says so, with the column ``label``."""
        from geo.vector import read_layer

        entry = self.survey.overlay[index]
        geometry = "polygon" if entry.buffer_m is None else None
        layer = read_layer(entry.path, layer=entry.layer, columns=(entry.label,), geometry=geometry)
        if entry.buffer_m is not None:
            placed = layer.to_crs(self.frame.geobox.crs)
            layer = placed.set_geometry(placed.geometry.buffer(entry.buffer_m))
        return layer[[entry.label, layer.geometry.name]].rename(columns={entry.label: "label"})


def _forget_others(folder: Path, program: str) -> None:
    """Delete finished blocks that another version of the program made, and tell whose come next."""
    told = folder / MADE_BY
    if told.is_file() and not told.is_symlink() and told.read_text(encoding="utf-8") == program:
        return
    shutil.rmtree(folder, ignore_errors=True)  # first: killed in between, nothing is left that could be taken
    write_text(told, program)


def blocks_folder(step: str) -> str:
    """Return the name of the folder that holds the finished blocks of a step."""
    return step.replace(":", "-")


def require_no_link(*places: Path) -> None:
    """Refuse folders of blocks that lead elsewhere: what is in them gets deleted.

    Raises
    ------
    InputError
        Naming the first that is a link.
    """
    for place in places:
        if place.is_symlink():
            remedy = "remove the link; finished blocks are made again"
            raise InputError(Problem(str(place), "a link", "a folder of the run's own", remedy))


def _given(section: T | None, name: str) -> T:
    if section is None:
        raise SurveyFileError(
            Problem("survey file", f"no [{name}]", f"a table [{name}] for this step", "see 'altdev schema'")
        )
    return section
