"""The tables of the survey file, one record each, with the words that `altdev schema` shows.

Records only: what they mean together is checked in `monitor.config`.
"""

from __future__ import annotations

from monitor.sections.base import Day, Name, Section, TierNumber
from monitor.sections.estimate import (
    CorrectionsSection,
    EstimateSection,
    GivenParameter,
    LicitSection,
    NumberSection,
    OfficialSection,
    PermanenceSection,
    ProductionSection,
    YieldSection,
)
from monitor.sections.harm import (
    CoverName,
    HarmAccessSection,
    HarmFactorSection,
    HarmInputSection,
    HarmRiversSection,
    HarmSection,
    HarmSitesSection,
    HarmSpeciesSection,
)
from monitor.sections.imagery import (
    ClassifierSection,
    FeaturesSection,
    ImagerySection,
    PriorSection,
    TrainingSection,
)
from monitor.sections.outputs import DisclosureSection, IatiSection, MapSection, TierSection
from monitor.sections.overlay import NO_ZONE, LegalitySection, OverlayLayer, ProgrammeSection, TravelSection
from monitor.sections.sample import ReferenceSection, SampleSection, SimulatedReference
from monitor.sections.survey import AreaSection, PeriodSection, SurveySection

__all__ = [
    "NO_ZONE",
    "AreaSection",
    "ClassifierSection",
    "CorrectionsSection",
    "CoverName",
    "Day",
    "DisclosureSection",
    "EstimateSection",
    "FeaturesSection",
    "GivenParameter",
    "HarmAccessSection",
    "HarmFactorSection",
    "HarmInputSection",
    "HarmRiversSection",
    "HarmSection",
    "HarmSitesSection",
    "HarmSpeciesSection",
    "IatiSection",
    "ImagerySection",
    "LegalitySection",
    "LicitSection",
    "MapSection",
    "Name",
    "NumberSection",
    "OfficialSection",
    "OverlayLayer",
    "PeriodSection",
    "PermanenceSection",
    "PriorSection",
    "ProductionSection",
    "ProgrammeSection",
    "ReferenceSection",
    "SampleSection",
    "Section",
    "SimulatedReference",
    "SurveySection",
    "TierNumber",
    "TierSection",
    "TrainingSection",
    "TravelSection",
    "YieldSection",
]
