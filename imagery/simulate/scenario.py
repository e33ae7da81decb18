"""The three invented places: where they lie, when they are watched, what is grown there and how much.

Nothing here is a measurement. The shares and the changes are chosen so that an example shows what surveys of
the region meet; `docs/methods/simulated-landscapes.md` says from what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from geo.errors import Problem, SurveyFileError

__all__ = ["SCENARIOS", "ImagingPeriod", "Relief", "Scenario", "Weather", "scenario_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """Shape of the ground."""

    base_m: float
    """Elevation of the river where it leaves the area."""
    fall_m_per_km: float
    """Fall of the river."""
    valley_m: float
    """Height of the valley sides above the river."""
    valley_reach_m: float
    """Distance in which the sides rise to most of that."""
    roughness_m: float
    """Standard deviation of the ridges and gullies."""
    ridge_m: float
    """Longest wavelength of the ridges and gullies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Sky of the region."""

    cloud: float
    """Mean share of cloud over all images."""
    cloud_height_m: tuple[float, float]
    """Lowest and highest cloud base above ground; sets how far shadows fall."""
    haze: float
    """Mean reflectance that haze adds in the blue band."""
    edge_share: float
    """Share of images that the edge of the swath cuts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingPeriod:
    """One survey year."""

    name: str
    """Label of the period."""
    role: Literal["baseline", "current"]
    """Part in the comparison."""
    start: date
    """First day of the season window."""
    end: date
    """Last day of the season window."""
    reference_date: date
    """Date the figure stands for."""
    baseline: str
    """Processing baseline of its images."""

    @property
    def year(self) -> int:
        """The survey year."""
        return int(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One invented place."""

    name: str
    """Name of the scenario and of its crop profile."""
    title: str
    """Title on maps and tables."""
    layout: Literal["clearings", "strips", "terraces"]
    """How fields are laid out."""
    crs: str
    """UTM zone of the region."""
    origin: tuple[float, float]
    """Easting and northing of the upper left corner, metres."""
    relief: Relief
    weather: Weather
    periods: tuple[ImagingPeriod, ...]
    image_days: tuple[str, str]
    """Month-days between which images lie; the first one is of the year before when it is the later one."""
    images: int
    """Images in each period."""
    kind: Literal["stock", "harvestable"]
    """What the figure means."""
    crop_share: Mapping[int, float]
    """Share of the area under the crop, by year."""
    yearly_permanence: float
    """Share of a year's crop fields that stay so in the next year."""
    spectral_spread: float
    """Standard deviation between fields of each band group's reflectance, relative."""
    season_note: str
    """Why the season lies where it does, for the survey file."""
    admin_names: tuple[str, ...]
    """Invented names of the administrative units."""

    @property
    def crop(self) -> str:
        """Name of the crop under control."""
        return {"andes-coca": "coca", "helmand-poppy": "opium_poppy", "rif-cannabis": "cannabis"}[self.name]

    @property
    def years(self) -> tuple[int, ...]:
        """Years whose fields are known, in order."""
        return tuple(sorted(self.crop_share))


def _periods(season: tuple[tuple[int, str], tuple[int, str]], reference: str) -> tuple[ImagingPeriod, ...]:
    """Return 2021, processed before baseline 04.00, and 2024, processed after it."""

    def day(year: int, text: str) -> date:
        return date.fromisoformat(f"{year}-{text}")

    years: tuple[tuple[int, Literal["baseline", "current"], str], ...] = (
        (2021, "baseline", "03.01"),
        (2024, "current", "05.10"),
    )
    (first_shift, first), (last_shift, last) = season
    return tuple(
        ImagingPeriod(
            name=str(year),
            role=role,
            start=day(year + first_shift, first),
            end=day(year + last_shift, last),
            reference_date=day(year, reference),
            baseline=baseline,
        )
        for year, role, baseline in years
    )


_ANDES = Scenario(
    name="andes-coca",
    title="Coca in the invented province of Alta Mera",
    layout="clearings",
    crs="EPSG:32618",
    origin=(601_200.0, 140_400.0),
    relief=Relief(base_m=640, fall_m_per_km=18, valley_m=420, valley_reach_m=900, roughness_m=95, ridge_m=1900),
    weather=Weather(cloud=0.5, cloud_height_m=(500, 1500), haze=0.016, edge_share=0.12),
    periods=_periods(((0, "01-01"), (0, "12-31")), "12-31"),
    image_days=("01-06", "12-27"),
    images=18,
    kind="stock",
    crop_share={2018: 0.022, 2019: 0.024, 2020: 0.025, 2021: 0.026, 2022: 0.028, 2023: 0.030, 2024: 0.0325},
    yearly_permanence=0.866,
    spectral_spread=0.03,
    season_note="Coca stands all year: the figure is the stock on 31 December.",
    admin_names=("Oravel", "San Telmo Bajo", "Quirama", "Los Alisos", "Mirandela", "Tavaco", "Puerto Selva"),
)

_HELMAND = Scenario(
    name="helmand-poppy",
    title="Opium poppy in the invented district of Nahr-e Sabz",
    layout="strips",
    crs="EPSG:32641",
    origin=(480_600.0, 3_400_800.0),
    relief=Relief(base_m=720, fall_m_per_km=1.6, valley_m=9, valley_reach_m=1500, roughness_m=1.6, ridge_m=1500),
    weather=Weather(cloud=0.15, cloud_height_m=(900, 1800), haze=0.020, edge_share=0.12),
    periods=_periods(((-1, "11-01"), (0, "07-15")), "04-10"),
    image_days=("12-18", "07-10"),
    images=15,
    kind="harvestable",
    crop_share={2018: 0.061, 2019: 0.065, 2020: 0.068, 2021: 0.070, 2022: 0.072, 2023: 0.054, 2024: 0.0435},
    yearly_permanence=0.55,
    spectral_spread=0.035,
    season_note="Poppy is sown in autumn: the season of a year begins in the November before it.",
    admin_names=("Nawabad", "Sarband", "Chinar", "Deh-e Kuza", "Bala Nahr", "Tagab-e Khak", "Regkhana"),
)

_RIF = Scenario(
    name="rif-cannabis",
    title="Cannabis in the invented province of Jbel Amara",
    layout="terraces",
    crs="EPSG:32630",
    origin=(390_600.0, 3_861_000.0),
    relief=Relief(base_m=780, fall_m_per_km=14, valley_m=300, valley_reach_m=1000, roughness_m=75, ridge_m=1700),
    weather=Weather(cloud=0.18, cloud_height_m=(700, 1700), haze=0.014, edge_share=0.12),
    periods=_periods(((0, "03-01"), (0, "10-31")), "08-15"),
    image_days=("03-06", "10-12"),
    images=15,
    kind="harvestable",
    crop_share={2018: 0.057, 2019: 0.058, 2020: 0.059, 2021: 0.060, 2022: 0.062, 2023: 0.066, 2024: 0.070},
    yearly_permanence=0.72,
    spectral_spread=0.042,
    season_note="Cannabis is a summer crop, sown in spring and cut from September.",
    admin_names=("Ait Welda", "Tamassra", "Beni Orar", "Ouled Mzir", "Azrou Fella", "Tizi Narou", "Douar Sfa"),
)

SCENARIOS: Mapping[str, Scenario] = {entry.name: entry for entry in (_ANDES, _HELMAND, _RIF)}
"""The scenarios by name."""


def scenario_of(name: str) -> Scenario:
    """Return a scenario.

    Raises
    ------
    SurveyFileError
        If there is none of that name.
    """
    if name not in SCENARIOS:
        raise SurveyFileError(Problem("example", repr(name), f"one of {', '.join(SCENARIOS)}"))
    return SCENARIOS[name]
