"""Tables that say what is seen and how it is classified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from monitor.sections.base import Section

_WEB = r"^https?://[^\s]+$"


class FurtherSection(Section):
    """``[[imagery.further]]``: scenes of another sensor beside those of the first."""

    sensor: str = Field(description="Sensor name, such as landsat-c2-l2, or a sensor file (.toml)")
    catalog: Path | None = Field(default=None, description="Static STAC catalogue; may be that of the first sensor")
    folder: Path | None = Field(default=None, description="Folder of scenes, as for the first sensor")
    pattern: str | None = Field(default=None, description="File name pattern for `folder`")
    use: Literal["series", "features"] = Field(
        description="series: its scenes stand in one series with the first sensor's, in the bands both have; "
        "features: backscatter of a radar, whose features stand beside the others"
    )
    min_valid: int | None = Field(
        default=None,
        ge=1,
        description="With as many radar images a cell counts as seen though it was seen clear too seldom; "
        "never when left out, and never for a crop told by two dates",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.catalog is None) == (self.folder is None):
            raise ValueError("give one of catalog and folder")
        if self.pattern is not None and self.folder is None:
            raise ValueError("pattern says how the files of folder are named; give folder, or leave it out")
        if self.min_valid is not None and self.use != "features":
            raise ValueError('min_valid of its own is for use = "features"; a series has that of [imagery]')
        return self


class ImagerySection(Section):
    """``[imagery]``: where scenes come from and how they are read."""

    catalog: Path | None = Field(default=None, description="Static STAC catalogue (catalog.json)")
    outside: bool = Field(
        default=False,
        description="Whether a catalogue or product may name files outside its folder and the survey's",
    )
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
    in_place: bool = Field(
        default=False,
        description="Read images at s3:// addresses where they are instead of fetching them whole",
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
    further: list[FurtherSection] = Field(default=[], description="Further sensors, in a series or as features")
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
        if sum(one.use == "features" for one in self.further) > 1:
            raise ValueError('further has two with use = "features"; give one radar')
        if self.harmonise == "none" and any(one.use == "series" for one in self.further):
            raise ValueError(
                'sensors in one series must be brought to one view; set harmonise = "oli", or leave further out'
            )
        if self.collections and self.api is None:
            raise ValueError("collections are asked for at api; give api, or leave them out")
        return self

    @property
    def address(self) -> str | None:
        """Address of a source on the web; None for one of this machine."""
        return self.api or self.catalog_url


class CoarseSection(Section):
    """``[training.coarse]``: hectares of a crop in large cells, which teach where no plot is known."""

    cells: Path = Field(description="Polygons of the cells with column period, such as squares of a kilometre")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    cell: str = Field(default="cell_id", min_length=1, description="Column with the name of a cell")
    area_ha: str = Field(default="area_ha", min_length=1, description="Column with the hectares of the crop in it")
    crop: str | None = Field(default=None, description="Crop; may be left out where the survey has one")
    places: int = Field(default=24, ge=4, le=1000, description="Places drawn in each cell")


class TrainingSection(Section):
    """``[training]``: labelled places that teach the classifier; never reference data."""

    samples: Path = Field(description="Points, or polygons, with columns unit_id, period, class")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    cells_per_polygon: int = Field(
        default=8, ge=1, le=1000, description="Most places drawn in a polygon, at centres of its cells"
    )
    inside_frame: Literal["certainty", "sampled"] = Field(
        default="certainty",
        description="certainty: cells used for training form a stratum known from their labels; "
        "sampled: they stay in the sampled population",
    )
    coarse: CoarseSection | None = Field(default=None, description="Coarse labels beside the samples, if any")
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
    places_per_tree: int = Field(
        default=1000,
        ge=100,
        description="Places and border cells drawn anew for each boosted tree, where there are more",
    )
    forest_trees: int = Field(default=200, ge=1, le=5000, description="Trees of a random forest")
    balance: Literal["as_taught", "root", "equal"] = Field(
        default="as_taught",
        description="What a class of n training places weighs: n, the square root of n, or as any other; "
        "probabilities are turned back to the mix that was taught",
    )
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
    border_cells: int = Field(
        default=8,
        ge=0,
        le=100,
        description="Border cells made of pairs of labelled places, for each place; 0 for none",
    )
    minimum_mapping_unit_ha: float = Field(default=0.0, ge=0, description="Smaller patches are merged")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.members)) < len(self.members):
            raise ValueError("a classifier twice in members; name each once")
        return self


class FeaturesSection(Section):
    """``[features]``: what the classifier sees of a cell."""

    indices: list[str] | None = Field(
        default=None, description="Spectral indices of each window by their standard names; six when left out"
    )
    season_indices: list[str] | None = Field(
        default=None, description="Spectral indices followed through the season, likewise; five when left out"
    )
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
