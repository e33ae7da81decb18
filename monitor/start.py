"""`altdev init`: a commented survey file to start from, or a whole example with data whose truth is known."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from geo.errors import Problem, SurveyFileError
from geo.files import write_text

__all__ = ["write_programme_tables", "write_project"]


def write_project(directory: Path, *, example: str | None, seed: int) -> Path:
    """Write a survey project and return the path of its survey file.

    Parameters
    ----------
    directory
        New or empty folder.
    example
        Name of a simulated landscape; None writes the survey file alone.
    seed
        Seed of the landscape.

    Raises
    ------
    SurveyFileError
        If the folder already holds a survey file, or there is no such example.
    """
    path = directory / "survey.toml"
    if path.exists():
        raise SurveyFileError(
            Problem(
                str(path), "a survey file", "a folder without one", "choose another folder; nothing was changed"
            )
        )
    if example is None:
        template = files("monitor").joinpath("survey_template.toml").read_text(encoding="utf-8")
        write_text(path, template)
        return path
    from imagery.simulate.example import write_example

    return write_example(example, directory, seed=seed)


def write_programme_tables(directory: Path) -> list[Path]:
    """Write empty tables of an alternative-development programme and return their paths.

    Parameters
    ----------
    directory
        Folder that holds neither of the files yet: ``ad.gpkg``, tables that open styled in QGIS, and
        ``ad_form.xlsx``, an XLSForm.

    Raises
    ------
    SurveyFileError
        If one of them is there.
    """
    from aoi.project.model import data_model
    from maps.programme_form import write_form, write_templates

    tables, form = directory / "ad.gpkg", directory / "ad_form.xlsx"
    there = [path for path in (tables, form) if path.exists()]
    if there:
        raise SurveyFileError(
            [
                Problem(str(path), "a file", "a folder without one", "choose another folder; nothing was changed")
                for path in there
            ]
        )
    directory.mkdir(parents=True, exist_ok=True)
    write_templates(tables, data_model())
    write_form(form, data_model())
    return [tables, form]
