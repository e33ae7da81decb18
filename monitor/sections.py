"""The tables of the survey file, one record each, with the words that `altdev schema` shows.

Records only: what they mean together is checked in `monitor.config`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_WEB = r"^https?://[^\s]+$"
TierNumber = Literal[0, 1, 2]
Day = Annotated[date, Field(ge=date(1900, 1, 1), lt=date(2200, 1, 1))]


class Section(BaseModel):
    """A table of the survey file: unknown keys are mistakes, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SurveySection(Section):
    """``[survey]``: what this survey is."""

    name: Name = Field(description="Short name in lower case; becomes part of file names")
    title: str = Field(description="Title printed on maps and tables")
    country: str = Field(pattern=r"^[A-Z]{3}$", description="ISO alpha-3 code; ZZZ when invented")
    crops: list[Name] = Field(min_length=1, description="Crops to estimate, as the legend names them")
    seed: int = Field(ge=0, description="Seed of every random act; written to the manifest")
    source: str = Field(default="", description="Who makes the figures; written beside each of them")
    vintage: str = Field(default="", description="Which publication of the figures this is")


class AreaSection(Section):
    """``[area]``: the area frame and its administrative units."""

    admin: Path = Field(description="Polygons of the administrative units; their union is the area frame")
    admin_layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    admin_code: str = Field(min_length=1, description="Column with the unit's code, as text")
    admin_name: str = Field(min_length=1, description="Column with the unit's name")
    crs: str | None = Field(default=None, description="Projected CRS of the analysis, such as EPSG:32618")
    resolution_m: float = Field(default=10.0, gt=0, description="Cell size in metres")
    agricultural_mask: Path | None = Field(
        default=None, description="Raster, 1 where land is farmed; divides strata, never cuts the frame"
    )
    boundary_version: str = Field(default="", description="Version of the boundaries, written beside figures")
    tier: TierNumber = Field(
        default=0, description="Who may see the units: 0 field, 1 programme, 2 public; figures need no less"
    )


class PeriodSection(Section):
    """``[[period]]``: one survey year or season."""

    name: Name = Field(description="Label of the period, such as 2024")
    role: Literal["baseline", "current", "other"] = Field(description="Part it plays in the comparison")
    start: Day = Field(description="First day of the season window")
    end: Day = Field(description="Last day of the season window")
    reference_date: Day = Field(description="Date the figure stands for")
    kind: Literal["stock", "harvestable"] = Field(
        default="stock", description="Standing at the reference date, or harvestable in the season"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}; swap or correct them")
        return self


class ImagerySection(Section):
    """``[imagery]``: where scenes come from and how they are read."""

    catalog: Path | None = Field(default=None, description="Static STAC catalogue (catalog.json)")
    folder: Path | None = Field(
        default=None, description="Folder of scenes as their provider ships them, or of files named by `pattern`"
    )
    pattern: str | None = Field(
        default=None, description="File name pattern with {date} or {start}, and {band}, for `folder`"
    )
    api: str | None = Field(default=None, pattern=_WEB, description="Address of a STAC API")
    catalog_url: str | None = Field(
        default=None, pattern=_WEB, description="Address of a static STAC catalogue on the web"
    )
    collections: list[str] = Field(default=[], description="Collections asked for at `api`; all when left out")
    cache: Path = Field(
        default=Path("scenes"), description="Folder that images from the web are kept in, with their hashes"
    )
    query_grid_deg: float = Field(
        default=1.0, gt=0, le=30, description="Coarse grid that the area asked for is widened to, degrees"
    )
    private_hosts: list[str] = Field(
        default=[], description="Hosts of this machine or of private networks that may be asked"
    )
    token_env: str | None = Field(
        default=None, description="Environment variable with a bearer token for the host of the source"
    )
    signing_url: str | None = Field(
        default=None, pattern=_WEB, description="Address of a token service; an image's address is put behind it"
    )
    attempts: int = Field(default=5, ge=1, le=20, description="Times a request is made before it counts as failed")
    retry_wait_s: float = Field(
        default=1.0, gt=0, le=60, description="Wait before a request is made again; doubles each time"
    )
    sensor: str = Field(description="Sensor name, such as sentinel-2-l2a, or a sensor file (.toml)")
    profile: str = Field(description="Crop profile, such as andes-coca, or a path to a profile file (.toml)")
    min_valid: int = Field(default=3, ge=1, description="With fewer clear observations a cell is not seen")
    cloud_buffer_m: float = Field(default=60.0, ge=0, description="Growth of cloud and shadow masks")
    broken: Literal["leave-out", "refuse"] = Field(
        default="leave-out",
        description="What a scene does that cannot be used: fall out whole and be told, or end the run",
    )
    coregistration: Literal["none", "report", "shift", "leave-out"] = Field(
        default="report",
        description="What is done about a scene that lies beside the others: tell it, move it, or leave it out",
    )
    coregistration_tolerance_m: float | None = Field(
        default=None, gt=0, description="Shift that is borne; one cell when left out"
    )
    harmonise: Literal["none", "oli"] = Field(
        default="none", description="Bring reflectance to the bands of Landsat 8 and 9 with published coefficients"
    )
    topographic: Literal["none", "c", "minnaert"] = Field(
        default="none", description="How the shading of slopes is taken out of each scene; needs `elevation`"
    )
    elevation: Path | None = Field(default=None, description="Elevation raster in metres, for `topographic`")
    least_illumination: float = Field(
        default=0.1, gt=0, lt=1, description="Cosine of incidence below which a cell is too dark to be corrected"
    )
    shadow_reach_m: float = Field(
        default=3000.0, ge=0, le=20_000, description="How far away ground may cast a shadow"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("catalog", "folder", "api", "catalog_url") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of catalog, folder, api and catalog_url")
        if self.pattern is not None and self.folder is None:
            raise ValueError("pattern says how the files of folder are named; give folder, or leave it out")
        if self.topographic != "none" and self.elevation is None:
            raise ValueError(
                f"topographic = {self.topographic!r} needs elevation; give it, or leave topographic out"
            )
        if self.collections and self.api is None:
            raise ValueError("collections are asked for at api; give api, or leave them out")
        return self

    @property
    def address(self) -> str | None:
        """Address of a source on the web; None for one of this machine."""
        return self.api or self.catalog_url


class TrainingSection(Section):
    """``[training]``: labelled places that teach the classifier; never reference data."""

    samples: Path = Field(description="Points with columns unit_id, period, class")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    inside_frame: Literal["certainty", "sampled"] = Field(
        default="certainty",
        description="certainty: cells used for training form a stratum known from their labels; "
        "sampled: they stay in the sampled population",
    )
    suggest: int = Field(
        default=40, ge=0, le=5000, description="Places to label next, told in class_map/next_units.gpkg"
    )
    suggest_apart_m: float = Field(
        default=300.0, gt=0, description="Side of the squares that give one of them each"
    )


class PriorSection(Section):
    """``[prior_cultivation]``: fields that earlier surveys drew, which a map must beat and never learns from."""

    fields: Path = Field(description="Polygons of the fields of earlier surveys")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    year: str = Field(default="year", min_length=1, description="Column with the survey year")
    crop: str | None = Field(
        default=None, description="Column with the crop; left out where all are of the one crop of the survey"
    )


class ClassifierSection(Section):
    """``[classifier]``: the classifiers heard as one, and how they are validated."""

    members: list[Literal["boosted_trees", "linear_discriminant", "random_forest"]] = Field(
        default=["boosted_trees", "linear_discriminant"],
        min_length=1,
        description="Classifiers whose log probabilities are averaged",
    )

    trees: int = Field(default=80, ge=1, le=5000, description="Boosting rounds")
    leaves: int = Field(default=15, ge=2, le=255, description="Leaves of a boosted tree")
    learning_rate: float = Field(default=0.1, gt=0, le=1, description="Shrinkage of the boosting")
    forest_trees: int = Field(default=200, ge=1, le=5000, description="Trees of a random forest")
    calibration: Literal["platt", "isotonic", "none"] = Field(
        default="platt", description="How crop probabilities are fitted to what left-out folds turned out to be"
    )
    tune: bool = Field(
        default=False,
        description="Choose members and sizes of trees in folds, nested in those they are judged in; takes minutes",
    )
    transfer: bool = Field(default=True, description="Try how well each period is mapped by what another teaches")
    folds: int = Field(default=5, ge=2, le=20, description="Spatial folds")
    fold_block_m: float = Field(default=600.0, gt=0, description="Side of the blocks that folds are made of")
    minimum_mapping_unit_ha: float = Field(default=0.0, ge=0, description="Smaller patches are merged")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.members)) < len(self.members):
            raise ValueError("a classifier twice in members; name each once")
        return self


class FeaturesSection(Section):
    """``[features]``: what the classifier sees of a cell."""

    composite: Literal["median", "geometric_median", "medoid"] = Field(
        default="median",
        description="What stands for a season window: the median of each band, or one point of all bands at once",
    )
    window_percentiles: list[Annotated[float, Field(ge=0, le=100)]] = Field(
        default=[], description="Percentiles of every band within each window, such as [10, 90]"
    )
    harmonics: int = Field(default=2, ge=0, le=4, description="Yearly harmonics fitted to the season; 0 for none")
    phenology: bool = Field(default=True, description="Start, peak, end, amplitude and integral of the season")
    disturbance: bool = Field(
        default=True, description="Falls and rises between observations, and distance from the seasonal curve"
    )
    texture_radii: list[Annotated[int, Field(ge=1, le=50)]] = Field(
        default=[1, 3], description="Half sides of the texture windows, cells; empty for no texture"
    )


class SampleSection(Section):
    """``[sample]``: the probability sample that reference labels are collected on."""

    size: int = Field(default=600, ge=10, description="Sample units, all strata together")
    floor: int = Field(default=50, ge=2, description="Fewest units in a stratum")
    allocation: Literal["rare-class-safe", "proportional", "neyman", "power"] = Field(default="rare-class-safe")
    buffer_m: float = Field(default=20.0, ge=0, description="Width of the stratum around mapped crop")
    chips: bool = Field(default=False, description="Write before-and-after images of every unit to frame/chips")


class SimulatedReference(Section):
    """``[reference.simulated]``: interpreters of an example whose truth is known."""

    fields: Path = Field(description="True fields: polygons with columns class and period")
    ground: Path | None = Field(default=None, description="Raster with the class of the ground between the fields")
    interpreters: int = Field(default=2, ge=1, le=5, description="Independent interpreters of every unit")
    omission: float = Field(default=0.03, ge=0, lt=0.5, description="Chance to miss a crop unit")
    commission: float = Field(default=0.003, ge=0, lt=0.5, description="Chance to call another unit crop")


class ReferenceSection(Section):
    """``[reference]``: reference labels of the sample."""

    labels: Path | None = Field(
        default=None, description="CSV with columns unit_id, period, interpreter, label; or give `simulated`"
    )
    form: Literal["table", "xlsform", "collect-earth"] = Field(
        default="table",
        description="What `labels` is: a table as above, answers of ground_truth.xlsx (Kobo, ODK), or of Collect "
        "Earth Online",
    )
    simulated: SimulatedReference | None = Field(default=None, description="For examples only")
    known: Path | None = Field(
        default=None,
        description="CSV with columns period, read, known: how interpreters read units of known label, apart from "
        "the sample; the figures corrected for misreading are written beside those as read",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.labels is None) == (self.simulated is None):
            raise ValueError("give one of labels and simulated")
        return self


class EstimateSection(Section):
    """``[estimate]``: intervals."""

    level: float = Field(default=0.95, gt=0.5, lt=1, description="Confidence level")
    interval: Literal["auto", "mover-jeffreys", "mover-wilson", "mover-clopper"] = Field(default="auto")
    thresholds_ha: dict[Name, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Crop to the hectares below which an administrative unit counts as free of it, such as "
        "{ poppy = 100 }; units whose interval straddles the line are told",
    )


class GivenParameter(Section):
    """A parameter that the survey gives itself, in place of the shipped one."""

    value: float = Field(description="The number")
    se: float = Field(default=0.0, ge=0, description="Its standard error")
    source: str = Field(min_length=1, description="Where it comes from")


class CorrectionsSection(Section):
    """``[corrections]``: from the interpreted area to the area at the reference date."""

    eradication: Path | None = Field(default=None, description="Polygons of eradication with a date and a method")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    date: str = Field(default="date", min_length=1, description="Column with the day, as 2024-05-31")
    method: str = Field(default="method", min_length=1, description="Column with the method")
    spray_methods: list[str] = Field(
        default=["spray", "spraying", "aerial spraying"],
        description="Methods that are spraying; others are by hand",
    )
    verified: str | None = Field(
        default=None, description="Column that says yes or no; claims that were not verified change no figure"
    )
    all_verified: bool = Field(default=False, description="Every polygon of the layer was verified")
    from_programme: bool = Field(
        default=False,
        description="Take the operations of the table eradication of [ad]; verified are those with verified_ha",
    )
    image_date: dict[Name, Day] = Field(
        default_factory=dict,
        description="Period to the day its figure shows; the last day of the season window when left out",
    )
    yearly_change: GivenParameter | None = Field(
        default=None,
        description="Change a year as a share, which brings the area from its image to the reference date",
    )
    small_lots: GivenParameter | None = Field(
        default=None,
        description="Area of lots too small for the imagery, as a share of the interpreted area",
    )
    parameter: dict[Name, dict[str, GivenParameter]] = Field(
        default_factory=dict,
        description="Parameters in place of the shipped ones, as [corrections.parameter.eradication.spray_effect]",
    )

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.verified is not None and self.all_verified:
            raise ValueError("give one of verified and all_verified")
        if self.from_programme and self.eradication is not None:
            raise ValueError("give one of eradication and from_programme: the same operations must not count twice")
        return self


class _YieldSection(Section):
    """Which yield: one of the shipped ones by region and vintage, or the survey's own."""

    region: str = Field(min_length=1, description="Region the yield was measured in")
    vintage: str = Field(min_length=1, description="When it was measured")
    yield_kg_ha: float | None = Field(default=None, ge=0, description="The survey's own yield, kg per harvested ha")
    yield_se_kg_ha: float | None = Field(default=None, ge=0, description="Its standard error, kg/ha")
    source: str = Field(default="", description="Where the survey's own yield comes from")

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        if self.yield_kg_ha is not None and not self.source.strip():
            raise ValueError("a yield of your own needs its source")
        return self


class LicitSection(_YieldSection):
    """``[production.licit]``: the authorised zone, up to the area the law allows."""

    zone: str = Field(min_length=1, description="Domain of an overlay, as overlay/alone.csv names it")
    authorised_ha: float = Field(ge=0, description="Hectares that the law allows there")


class ProductionSection(_YieldSection):
    """``[[production]]``: one yield, and the units it holds for."""

    crop: Name = Field(description="Crop, as the yields name it")
    product: str = Field(min_length=1, description="Product with its moisture state, such as sun-dried leaf")
    units: list[str] = Field(default=[], description="Codes of the units it holds for; all when left out")
    harvested_ratio: GivenParameter | None = Field(
        default=None, description="Harvested over standing area, for figures that are a stock at a date"
    )
    stock_as_harvested: str | None = Field(
        default=None, min_length=1, description="Ground on which a stock passes for harvested area; flagged"
    )
    licit: LicitSection | None = Field(default=None, description="What is licit, taken off at its own zone's yield")


NO_ZONE = "no_zone"
"""Domain of the ground that lies in no zone; no overlay may be called so."""


class OverlayLayer(Section):
    """``[[overlay]]``: one layer cultivation is compared with; file order is precedence."""

    name: Name = Field(description="Short name")
    title: str = Field(description="Name on maps and tables")
    kind: Literal["ad_area", "protected", "indigenous", "community", "forest_reserve", "buffer", "other"]
    path: Path = Field(description="Polygons; with `buffer_m` lines or points too, such as roads")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    label: str = Field(description="Column that names each polygon")
    buffer_m: float | None = Field(
        default=None, gt=0, description="Metres by which each shape is grown: a strip along roads, a buffer zone"
    )
    code: str | None = Field(
        default=None, description="Column with the administrative code: joined on it, not on the shape"
    )
    tier: TierNumber = Field(default=0, description="Who may see the layer: 0 field, 1 programme, 2 public")


class ProgrammeSection(Section):
    """``[ad]``: the tables of the alternative-development programme."""

    tables: Path = Field(description="GeoPackage with one layer a table, or folder with one file a table")
    country: Path | None = Field(default=None, description="Polygons of the country that areas have to lie in")
    codes: Path | None = Field(
        default=None, description="Code lists of your own (.toml), added to the shipped ones"
    )
    border: Path | None = Field(default=None, description="Polygons of the countries on both sides of a border")
    border_code: str = Field(default="country", min_length=1, description="Column with the country's code")
    settlements: Path | None = Field(
        default=None, description="Points of settlements with a column population; no single households"
    )
    lot_size_cuts_ha: list[Annotated[float, Field(gt=0)]] = Field(
        default=[], description="Limits of the classes of lot size that validation was stratified by"
    )
    lonely: Literal["refuse", "certainty", "adjust", "average"] = Field(
        default="refuse", description="Policy for a stratum of lots with a single one drawn"
    )
    parameter: dict[Name, dict[str, GivenParameter]] = Field(
        default_factory=dict,
        description="Numbers in place of the shipped ones, as [ad.parameter.border.strip_km]",
    )


class LegalitySection(Section):
    """``[legality]``: the law that hectares are split by."""

    law: str = Field(min_length=1, description="bolivia, colombia, morocco or peru, or a file of your own (.toml)")
    zones: dict[str, str] = Field(
        default={}, description="Zone of the law to its place: an overlay, or OVERLAY:LABEL for one of its zones"
    )


class MapSection(Section):
    """``[map]``: what the maps show beside the figures."""

    rivers: Path | None = Field(default=None, description="Lines")
    roads: Path | None = Field(default=None, description="Lines")
    elevation: Path | None = Field(default=None, description="Raster in metres, for the hillshade")
    disclaimer: str = Field(default="", description="Cleared boundary text; without it the map says draft")
    sources: str = Field(default="", description="Data sources named on the map")
    tier: TierNumber = Field(default=0, description="Who may see rivers, roads and elevation")
    licence: str = Field(default="other", min_length=1, description="SPDX name of the licence of the rasters")


class IatiSection(Section):
    """``[iati]``: the programme as an IATI activity names it; writes iati.xml."""

    identifier: str = Field(min_length=3, description="IATI identifier of the activity")
    organisation: str = Field(min_length=2, description="IATI identifier of the organisation that reports")
    organisation_name: str = Field(min_length=1, description="Its name")
    organisation_type: str = Field(pattern=r"^\d{2}$", description="Code of its kind, such as 10 for a government")
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$", description="ISO alpha-2 code of the country")
    sectors: dict[str, float] = Field(
        default={"31165": 100.0}, description="DAC purpose codes and their shares in per cent"
    )


class TierSection(Section):
    """``[disclosure.programme]`` and ``[disclosure.public]``: the data owner's rules; the others are shipped."""

    k: int | None = Field(default=None, ge=1, description="Fewest mapped fields behind a figure")
    largest: int | None = Field(default=None, ge=1, description="Number of largest fields of the dominance rule")
    dominance_percent: float | None = Field(default=None, gt=0, le=100, description="Most that they may hold")
    group_percent: float | None = Field(
        default=None, gt=0, le=100, description="Most fields per 100 households; 100 leaves the rule out"
    )
    least_field_ha: float | None = Field(default=None, ge=0, description="Smaller patches are not counted")
    cell_least_km: int | None = Field(default=None, ge=1, le=64, description="Side of the smallest cell")
    cell_most_km: int | None = Field(default=None, ge=1, le=64, description="Side of the largest cell")
    embargo_months: int | None = Field(default=None, ge=0, description="Months after the latest reference date")
    round_ha: float | None = Field(default=None, gt=0, description="Base that hectares are rounded to")
    approvals: int | None = Field(default=None, ge=0, le=9, description="Persons who must approve the tables")


class DisclosureSection(Section):
    """``[disclosure]``: what the data owner decided on the products of tiers 1 and 2."""

    programme: TierSection = TierSection()
    public: TierSection = TierSection()
    households: Path | None = Field(default=None, description="Points of the households, for the group rule")
    without_households: str = Field(
        default="", description="Why the public product may do without the group rule; recorded with it"
    )
    embargo_until: Day | None = Field(default=None, description="No product of tier 1 or 2 before this day")
    approvals: Path | None = Field(default=None, description="File with the approvals of the tables (.toml)")
    signing_key: Path | None = Field(
        default=None, description="Ed25519 private key (PEM) outside the project's folder; never copied"
    )
    earlier: list[Path] = Field(default=[], description="disclosure/decision.json of products that went out before")

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.households is not None and self.without_households:
            raise ValueError("give one of households and without_households")
        return self


class NumberSection(Section):
    """``[official.number]``: how the table writes its numbers."""

    decimal: Literal[".", ","] = Field(default=".", description="Decimal sign")
    thousands: Literal["", ",", ".", " ", "'"] = Field(default="", description="Sign between thousands")
    decimals: int = Field(default=2, ge=0, le=9, description="Most digits after the decimal sign; more are refused")

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands signs are the same; name two")
        return self


class PermanenceSection(Section):
    """``[official.permanence]``: windows of permanence, abandonment and expansion."""

    window: int = Field(default=10, ge=3, le=50, description="Years looked back on")
    abandoned_after: int = Field(default=3, ge=1, le=20, description="Latest years in a row without crop")
    expansion_within: int = Field(default=3, ge=1, le=20, description="Latest years in which crop first appeared")


class OfficialSection(Section):
    """``[official]``: figures as an authority publishes them, by administrative unit; no imagery."""

    table: Path = Field(description="CSV, GeoPackage or Parquet: one row a unit, one column a period")
    layer: str | None = Field(default=None, description="Layer of a GeoPackage; the first one when left out")
    encoding: str = Field(default="utf-8", description="Character encoding of a text table")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Column separator of a text table")
    code: str = Field(description="Column with the unit's code, as text")
    name: str = Field(description="Column with the unit's name")
    code_pattern: str = Field(default=r"\S+", description="Regular expression a whole code must match")
    parent: str | None = Field(default=None, description="Column with the code of the unit above")
    parent_name: str | None = Field(default=None, description="Column with the name of the unit above")
    periods: str = Field(description="Regular expression of the period columns; its one group is the period")
    reference_date: str = Field(default="{period}-12-31", description="Date the figures stand for")
    kind: Literal["stock", "harvestable"] = Field(default="stock", description="At the date, or harvestable")
    code_version: str = Field(default="", description="Version of the code list the table uses")
    number: NumberSection = NumberSection()
    number_in: dict[str, NumberSection] = Field(
        default={}, description="By period, where a column writes numbers otherwise"
    )
    symbols: dict[str, Literal["zero", "below_threshold", "missing", "not_surveyed", "suppressed"]] = Field(
        default={"": "missing"}, description="What cells that hold no number mean"
    )
    control_total_ha: dict[str, float] = Field(default={}, description="By period, the total the authority states")
    control_tolerance_ha: float = Field(default=5.0, ge=0, description="Largest difference from a stated total")
    percent_of: Literal["exact", "rounded thousands"] = Field(
        default="exact", description="Percent change from exact figures, or from rounded thousands"
    )
    permanence: PermanenceSection = PermanenceSection()


CoverName = Literal[
    "primary_forest",
    "secondary_forest",
    "shrub",
    "grass",
    "wetland",
    "pasture",
    "crop",
    "plantation",
    "bare",
    "built",
    "water",
    "other",
]
"""Covers that land had before a plot opened."""


class HarmInputSection(Section):
    """``[[harm.input]]``: one raster of the harms, by its standard name."""

    name: Name = Field(description="Standard name, such as hansen_lossyear; docs/data-sources.md lists them")
    path: Path = Field(description="Raster; it is read onto the analysis grid")
    unit: str = Field(min_length=1, description="Unit of its numbers, as provided or scaled already")
    year: int | None = Field(default=None, ge=1900, le=2200, description="Year it shows; land_cover once a year")
    version: str = Field(default="", description="Version of the data set, written beside the figures")
    nodata: float | Literal["none"] | None = Field(
        default=None, description="Value of cells not known where the file does not say; 'none' when all are known"
    )
    sampling: Literal["nearest", "bilinear"] = Field(
        default="nearest", description="How it is brought onto the grid; bilinear for elevation"
    )


class HarmSpeciesSection(Section):
    """``[[harm.species]]``: one species, with a range that the user is licensed to use."""

    name: str = Field(min_length=1, description="Name on tables")
    category: Literal["LC", "NT", "VU", "EN", "CR"] = Field(description="Red List category")
    range: Path = Field(description="Polygons of its range")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    suitable: list[CoverName] = Field(min_length=1, description="Covers it lives in, strictly")
    also_suitable: list[CoverName] = Field(default=[], description="Covers it may live in; the broad set has both")
    low_m: float = Field(default=-500.0, description="Lowest elevation, metres")
    high_m: float = Field(default=9000.0, description="Highest elevation, metres")
    habitat_ha: float = Field(gt=0, description="Habitat of the whole range, not only of the part in the frame")
    historic_ha: float | None = Field(default=None, gt=0, description="Habitat there once was, for the LIFE score")
    endemic: bool = Field(default=False, description="99 % or more of the range in the country, or a small range")
    threat_share: float = Field(
        default=1.0, ge=0, le=1, description="Weight of this threat over that of all threats to it"
    )
    source: str = Field(min_length=1, description="Whose range and habitat figures these are")


class HarmFactorSection(Section):
    """``[harm.factor.NAME]``: a factor in place of the shipped one, whole and with its source."""

    value: float = Field(description="The number")
    unit: str = Field(min_length=1, description="Its unit")
    source: str = Field(min_length=1, description="Where it comes from")
    mark: Literal["verified", "unverified", "design"] = Field(default="verified", description="Whether it was read")
    shape: Literal["fixed", "uniform", "normal", "lognormal", "beta"] = Field(
        default="fixed", description="Distribution it is drawn from, once for all pixels"
    )
    spread: float = Field(default=0.0, ge=0, description="Standard deviation; the geometric one of a lognormal")
    lo: float | None = Field(default=None, description="Lowest value")
    hi: float | None = Field(default=None, description="Highest value")


class HarmSection(Section):
    """``[harm]``: the six environmental harms, each observed minus counterfactual."""

    canopy_threshold_percent: float = Field(
        gt=0, le=100, description="Tree cover from which land is forest: a local choice, so there is no default"
    )
    climate: Literal["wet_lowland", "moist_lowland", "dry_lowland", "montane", "non_tropical"] = Field(
        description="Climate that the carbon factors are taken from"
    )
    draws: int = Field(default=1000, ge=200, le=100_000, description="Monte-Carlo draws")
    window_years: dict[Name, Annotated[int, Field(ge=1, le=20)]] = Field(
        default={}, description="Crop to the years before first detection in which a clearing is laid to it"
    )
    lag_years: int = Field(default=1, ge=0, le=5, description="Years by which the loss product may date late")
    rings_m: tuple[float, float, float] = Field(
        default=(250.0, 1000.0, 5000.0), description="Outer edges of the three rings around plots, metres"
    )
    core_depth_m: float = Field(default=100.0, gt=0, description="Depth from which forest is core")
    plot_width_m: float | None = Field(
        default=None, gt=0, description="Typical width of a plot; the profile's typical field when left out"
    )
    loads: Path | None = Field(
        default=None, description="Table of loads by crop and class, in place of the shipped ones"
    )
    sprayed_ha: dict[Name, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="Period to the hectares sprayed with herbicide from the air, 0 when none were"
    )
    cover: dict[Annotated[str, Field(pattern=r"^\d+$")], CoverName] = Field(
        default={}, description='Code of the land-cover maps to its cover, such as { "6" = "primary_forest" }'
    )
    input: list[HarmInputSection] = Field(default=[], description="Rasters by standard name")
    species: list[HarmSpeciesSection] = Field(default=[], description="Species with their ranges")
    factor: dict[Name, HarmFactorSection] = Field(default={}, description="Factors in place of the shipped ones")

    @model_validator(mode="after")
    def _rings_grow(self) -> Self:
        if not 0 < self.rings_m[0] < self.rings_m[1] < self.rings_m[2]:
            raise ValueError("rings_m must grow from the first edge to the last")
        return self
