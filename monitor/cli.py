"""The command line: `altdev VERB [survey.toml] [flags]`.

It parses, calls one function, prints the result on stdout and the log on stderr, and ends with the exit code
of what happened: 0 ok, 1 failure, 2 usage or survey file, 3 input, 4 disclosure, 5 quality gate, 130 interrupted.
Heavy imports happen inside the commands, so that `altdev --help` answers at once.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any

import click

from geo.errors import AltdevError, Problem, QualityGateError, SurveyFileError
from geo.limits import allow
from monitor.custody.commands import COMMANDS as CUSTODY

__all__ = ["main"]

INTERRUPTED = 130
FLAGS = {"from_column": "--from", "to_column": "--to", "breaks": "--break", "settings": "--set"}
"""Flags whose words are not their names."""
OF_RUNS = ("out", "dry_run", "overwrite", "resume", "scheduler")
"""Flags that mean nothing where nothing is written."""
PANEL_FLAGS = ("unit_area_ha", "frame_ha", "lonely", "domain", "interval", "level")
LONELY = ("refuse", "certainty", "adjust", "average", "collapse")
STEPS = {
    "imagery": "Mask scenes and write seasonal composites.",
    "classify": "Train the classifier and write class and probability maps.",
    "frame": "Divide the area frame into strata.",
    "overlay": "Estimate cultivation in AD areas and other zones.",
    "harm": "Estimate the environmental harms, each with its interval.",
    "impact": "Evaluate the programme against matched controls, with rings, checks and fitting words.",
    "map": "Write the interactive map and the tables.",
    "export": "Write files for QGIS, Kobo, ODK, receivers, analysts and other bodies.",
    "report": "Write the survey report as HTML and PDF.",
}


def main() -> None:
    """Run the command line and exit with its code."""
    _require_one_home()
    try:
        code = cli(prog_name="altdev", standalone_mode=False)
    except click.exceptions.Abort:
        code = _interrupted()
    except KeyboardInterrupt:
        code = _interrupted()
    except click.ClickException as error:
        error.show()
        code = 2
    except AltdevError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    gc.freeze()  # the process ends: to look for litter among all that was imported takes a sixth of `check`
    sys.exit(code if isinstance(code, int) else 0)


def _interrupted() -> int:
    click.echo("interrupted; run the same command again to go on where it stopped", err=True)
    return INTERRUPTED


def _require_one_home() -> None:
    """Refuse to run when another distribution shadows one of the five bare packages."""
    import importlib.util

    here = Path(__file__).resolve().parent.parent
    for name in ("geo", "aoi", "imagery", "maps"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve().parent.parent if spec is not None and spec.origin else None
        if origin != here:
            click.echo(
                f"package {name}: found {origin or 'nothing'}; expected it beside {here / 'monitor'}; "
                "another distribution shadows it: install altdev in an environment of its own",
                err=True,
            )
            sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="altdev", prog_name="altdev")
def cli() -> None:
    """Estimate illicit cultivation from satellite imagery, with honest intervals, and map it."""


def survey_command(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add the survey file and the flags that every verb on it has."""
    options = [
        click.argument("survey", type=click.Path(path_type=Path), default=Path("survey.toml"), required=False),
        click.option("-o", "--out", type=click.Path(path_type=Path), help="Run folder [default: run/ beside]."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--overwrite", is_flag=True, help="Use a run folder that holds something else."),
        click.option("--resume/--no-resume", default=True, help="Keep finished steps, or not."),
        click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Threads."),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Let the workers of this Dask scheduler make the blocks, such as tcp://10.0.0.1:8786.",
        ),
        click.option("--tier", type=click.Choice(["0", "1", "2"]), default="0", help="Disclosure tier."),
        click.option("--lang", type=click.Choice(["en", "fr", "es", "ar", "ru", "zh"]), default="en"),
        click.option("-v", "--verbose", is_flag=True, help="Tell more on stderr."),
        click.option(
            "--limit",
            multiple=True,
            metavar="NAME=NUMBER",
            expose_value=False,
            callback=lambda _, __, raised: allow(raised),
            help="Take on more than a limit of docs/security.md, such as cells=2e11.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Only errors on stderr."),
    ]

    @wraps(function)
    def command(**flags: Any) -> int | None:
        return function(**flags)

    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@survey_command
def run(**flags: Any) -> int | None:
    """Run the whole survey, going on where an earlier run stopped."""
    return _run(None, flags)


def _add_step_command(verb: str, text: str) -> None:
    @cli.command(name=verb, help=f"{text} Earlier steps run first when they must.")
    @survey_command
    def step(**flags: Any) -> int | None:
        return _run(verb, flags)


for _verb, _text in STEPS.items():
    _add_step_command(_verb, _text)


def _run(verb: str | None, flags: Mapping[str, Any]) -> int | None:
    from monitor.config import load_survey

    survey = load_survey(flags["survey"])  # a mistake in the file is told before anything heavy is imported
    if verb == "harm" and survey.harm is None:
        from geo.errors import SurveyFileError

        name = f"{flags['survey'].name} [harm]"
        raise SurveyFileError(Problem(name, "nothing", "a table [harm] for this verb", "see 'altdev schema'"))
    from monitor.report_lines import closing_lines, refusals, result_json
    from monitor.terminal import TerminalListener
    from monitor.workflow import RunOptions, default_out
    from monitor.workflow import run as run_survey

    out = flags["out"] or default_out(flags["survey"])
    options = RunOptions(
        out=out,
        jobs=flags["jobs"],
        resume=flags["resume"],
        scheduler=flags["scheduler"],
        overwrite=flags["overwrite"],
        language=flags["lang"],
        tier=int(flags["tier"]),
    )
    if flags["dry_run"]:
        return _print_plan(flags["survey"], options, verb, as_json=flags["as_json"])
    listener = TerminalListener(quiet=flags["quiet"], verbose=flags["verbose"])
    with listener:
        manifest = run_survey(flags["survey"], options, verb=verb, listener=listener)
    if flags["as_json"]:
        click.echo(json.dumps(result_json(manifest, out), indent=1, ensure_ascii=False))
    else:
        for line in closing_lines(manifest, out):
            click.echo(line)
    refused = refusals(manifest)
    if refused:
        raise QualityGateError(refused)
    return 0


@cli.command()
@survey_command
def fetch(**flags: Any) -> int:
    """Bring images from the web to the survey's folder; a run after it needs no network."""
    from monitor.config import load_survey
    from monitor.terminal import TerminalListener
    from monitor.workflow import RunOptions, default_out
    from monitor.workflow import fetch as fetch_images

    survey = load_survey(flags["survey"])
    options = RunOptions(out=flags["out"] or default_out(flags["survey"]))
    if flags["dry_run"]:
        return _print_plan(flags["survey"], options, "imagery", as_json=flags["as_json"])
    with TerminalListener(quiet=flags["quiet"], verbose=flags["verbose"]) as listener:
        lost = fetch_images(survey, flags["survey"], options, listener=listener, again=True)
    if flags["as_json"]:
        click.echo(json.dumps({"not_fetched": lost}, indent=1, ensure_ascii=False))
    for line in () if flags["as_json"] else lost:
        click.echo(line)
    return 0


def _require_field_english(tier: str, language: str) -> None:
    """Refuse a tier and a language rather than not heed them: tables pass no rule, and are told in English."""
    if tier != "0":
        from geo.errors import DisclosureError

        raise DisclosureError(
            Problem(
                "--tier",
                f"tier {tier}",
                "tier 0 (field), since tables of a sample pass no disclosure rule here",
                "leave --tier out, and share the result only with those who may see fields",
            )
        )
    if language != "en":
        from geo.errors import SurveyFileError

        expected = "en, since tables are told in English only"
        raise SurveyFileError(Problem("--lang", language, expected, "leave --lang out; maps and reports heed it"))


def _print_plan(survey: Path, options: Any, verb: str | None, *, as_json: bool, probe: bool = False) -> int:
    from monitor.dry_run import describe

    rows = describe(survey, options, verb, probe=probe)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        line = (
            f"{row['step']:<22} {row['state']:<13} {row['inputs']} input files, "
            f"{row['megabytes']} MB, {row['blocks']} block{'s' if row['blocks'] > 1 else ''}"
        )
        if "seconds" in row:
            line += f"; about {row['seconds']:,.1f} s, reads {row['read_megabytes']:,.0f} MB"
        click.echo(line)
    known = [row for row in rows if "seconds" in row]
    if known:
        jobs = f"{options.jobs} thread{'s' if options.jobs > 1 else ''}"
        click.echo(
            f"blocks of imagery and maps: about {sum(row['seconds'] for row in known):,.1f} s in {jobs}, at most "
            f"{max(row['peak_megabytes'] for row in known):,.0f} MB of memory, from "
            f"{sum(row['probed_blocks'] for row in known)} probes; the other steps are not in it"
        )
    return 0


@cli.command()
@survey_command
@click.option("--strata", type=click.Path(path_type=Path), help="Table mode: CSV with stratum,size.")
@click.option(
    "--design", type=click.Path(path_type=Path), help="Table mode: design file (TOML), in place of --strata."
)
@click.option("--unit-area-ha", type=float, default=1.0, show_default=True, help="Table mode: ha of one unit.")
@click.option("--domain", help="Table mode: domain column of the sample.")
@click.option("--interval", default="default", show_default=True, help="Table mode: interval method.")
@click.option("--frame-ha", type=float, help="Table mode: area that the strata must add up to.")
@click.option("--legend", help="Table mode: the classes allowed, with commas between.")
@click.option("--lonely", type=click.Choice(LONELY), default="refuse", help="Table mode: strata of one unit.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Table mode: confidence level.")
@click.option("--coverage", is_flag=True, help="Table mode: simulate how often the interval holds the truth.")
@click.option("--interpreters", help="Table mode: columns of labels by interpreter, with commas between.")
@click.option("--senior", help="Table mode: column of the interpreter who decides where the others differ.")
@click.option("--known", type=click.Path(path_type=Path), help="Table mode: CSV with read,known of known units.")
def estimate(strata: Path | None, design: Path | None, **flags: Any) -> int | None:
    """Estimate hectares and accuracy, from a survey file or from two tables.

    With --strata the first argument is a sample table (columns stratum, map, reference; if wanted psu, weight and
    a domain column), and nothing else is needed. With --design it is a sample of measured hectares, whose design
    and estimator the design file declares.
    """
    table_flags = {name: flags.pop(name) for name in ("unit_area_ha", "domain", "interval", "level", "coverage")}
    given = {name: flags.pop(name) for name in ("frame_ha", "legend", "lonely")}
    read = {name: flags.pop(name) for name in ("interpreters", "senior", "known")}
    if design is not None:
        return _estimate_design(design, table_flags | given | read | {"strata": strata}, flags)
    if strata is None:
        _refuse_given((*table_flags, *given, *read), "a survey file", "give --strata, or set it in the survey file")
        return _run("estimate", flags)
    _require_field_english(flags["tier"], flags["lang"])
    _refuse_given(
        ("out", "dry_run", "overwrite", "resume", "scheduler"), "two tables", "leave it out; nothing is written"
    )
    from monitor.table_mode import estimate_tables, table_options
    from monitor.tabular.interpreters import table_readers

    options, readers = table_options(**given), table_readers(**read)
    text = estimate_tables(
        flags["survey"], strata, as_json=flags["as_json"], options=options, readers=readers, **table_flags
    )
    click.echo(text)
    return 0


def _estimate_design(design: Path, table_flags: Mapping[str, Any], flags: Mapping[str, Any]) -> int:
    """Estimate from a sample whose design a file declares; all else stands in that file."""
    _require_field_english(flags["tier"], flags["lang"])
    ours = [name for name in table_flags if name != "coverage"]
    _refuse_given(ours, "a design file", "say it in the design file")
    _refuse_given(
        ("out", "dry_run", "overwrite", "resume", "scheduler"), "a design file", "leave it out; nothing is written"
    )
    from monitor.tabular.told import estimate_design

    coverage = bool(table_flags["coverage"])
    click.echo(estimate_design(flags["survey"], design, coverage=coverage, as_json=flags["as_json"]))
    return 0


def _refuse_both(first: str, second: str) -> None:
    """Refuse two flags of which each asks for something else."""
    from geo.errors import SurveyFileError

    raise SurveyFileError(Problem(f"{first} {second}", "both flags", "one of them", "leave one out"))


def _refuse_given(names: Sequence[str], mode: str, remedy: str) -> None:
    """Refuse flags that mean nothing in this mode, rather than go on as if they had been heard."""
    source = click.get_current_context().get_parameter_source
    given = [name for name in names if source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        from geo.errors import SurveyFileError

        expected = f"a flag that {mode} knows"
        flags = [FLAGS.get(name, f"--{name.replace('_', '-')}") for name in given]
        raise SurveyFileError([Problem(flag, "a flag without effect here", expected, remedy) for flag in flags])


@cli.command()
@survey_command
@click.option("--design", type=click.Path(path_type=Path), help="Table mode: design file (TOML).")
def sample(design: Path | None, **flags: Any) -> int | None:
    """Draw the sample and write the interpreters' files. Earlier steps run first when they must.

    With --design the first argument is a table of the frame's units, and the units that the design file asks for
    are drawn: printed, or written to the folder --out with their strata and joint probabilities.
    """
    if design is None:
        return _run("sample", flags)
    _require_field_english(flags["tier"], flags["lang"])
    _refuse_given(("dry_run", "resume", "scheduler"), "a frame table", "leave it out")
    from monitor.tabular.drawn import draw_from_table

    out, overwrite = flags["out"], flags["overwrite"]
    click.echo(draw_from_table(flags["survey"], design, out=out, overwrite=overwrite, as_json=flags["as_json"]))
    return 0


@cli.command()
@survey_command
@click.option("--strata", type=click.Path(path_type=Path), help="Table mode: CSV with stratum,size.")
@click.option("--design", type=click.Path(path_type=Path), help="Table mode: design file (TOML).")
@click.option("--series", is_flag=True, help="Table mode: the table is a series of figures.")
@click.option("--cells", is_flag=True, help="Table mode: the table has hectares by cell and year.")
@click.option("--set", "settings", multiple=True, help="Cells: a parameter, as enclave.density_ha_km2=12.")
@click.option("--from", "from_column", help="Table mode: column of the earlier year.")
@click.option("--to", "to_column", help="Table mode: column of the later year.")
@click.option("--unit-area-ha", type=float, default=1.0, show_default=True, help="Table mode: ha of one unit.")
@click.option("--frame-ha", type=float, help="Table mode: area that the strata must add up to.")
@click.option("--lonely", type=click.Choice(LONELY), default="refuse", help="Table mode: strata of one unit.")
@click.option("--domain", help="Table mode: domain column of the panel.")
@click.option("--interval", default="default", show_default=True, help="Table mode: interval method.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Table mode: confidence level.")
@click.option("--correlation", type=float, help="Series: correlation of neighbouring years; 0 if independent.")
@click.option("--break", "breaks", type=float, multiple=True, help="Series: year from which the level is another.")
@click.option(
    "--percent-of",
    type=click.Choice(["exact", "rounded thousands"]),
    default="exact",
    show_default=True,
    help="Table mode: whether percent is of exact or of rounded figures.",
)
def compare(strata: Path | None, design: Path | None, *, series: bool, cells: bool, **flags: Any) -> int | None:
    """Estimate the change between baseline and current period. Earlier steps run first when they must.

    With --strata the first argument is a panel of points labelled in two years, with --design a sample of hectares
    measured in two years, with --series a series of figures, with --cells hectares by cell and year; then nothing
    else is needed.
    """
    names = ("from_column", "to_column", *PANEL_FLAGS, "correlation", "breaks", "percent_of", "settings")
    table_flags = {name: flags.pop(name) for name in names}
    if not (strata or design or series or cells):
        remedy = "give --strata, --design, --series or --cells"
        _refuse_given(names, "a comparison from a survey file", remedy)
        return _run("compare", flags)
    _require_field_english(flags["tier"], flags["lang"])
    given = {"--strata": strata, "--design": design, "--series": series, "--cells": cells}
    if sum(map(bool, given.values())) > 1:
        from geo.errors import SurveyFileError

        found = " and ".join(name for name, value in given.items() if value)
        raise SurveyFileError(Problem("compare", found, "one of them"))
    _refuse_given(
        ("out", "dry_run", "overwrite", "resume", "scheduler"), "a comparison of tables", "nothing is written"
    )
    if cells:
        _refuse_given([name for name in names if name != "settings"], "cells by year", "leave it out")
        from monitor.tabular.cells import cell_dynamics

        settings = table_flags["settings"]
        click.echo(cell_dynamics(flags["survey"], settings=settings, as_json=flags["as_json"]))
        return 0
    _refuse_given(("settings",), "this comparison", "it is for --cells")
    click.echo(_compare_tables(flags["survey"], strata, design, table_flags, as_json=flags["as_json"]))
    return 0


def _compare_tables(
    table: Path, strata: Path | None, design: Path | None, given: Mapping[str, Any], *, as_json: bool
) -> str:
    """Compare what the tables hold, refusing flags of another comparison."""
    from monitor.tabular.compared import compare_classes, compare_design, compare_series

    columns, percent_of = (given["from_column"], given["to_column"]), given["percent_of"]
    if strata is not None:
        _refuse_given(("correlation", "breaks"), "a panel of points", "the panel has its own covariance")
        panel = {name: given[name] for name in PANEL_FLAGS}
        return compare_classes(table, strata, columns=columns, percent_of=percent_of, as_json=as_json, **panel)
    if design is not None:
        _refuse_given((*PANEL_FLAGS, "correlation", "breaks"), "a design file", "say it in the design file")
        return compare_design(table, design, columns=columns, percent_of=percent_of, as_json=as_json)
    others = [name for name in PANEL_FLAGS if name != "level"]
    _refuse_given(("from_column", "to_column", *others), "a series", "leave it out")
    return compare_series(
        table,
        correlation=given["correlation"],
        breaks=given["breaks"],
        percent_of=percent_of,
        level=given["level"],
        as_json=as_json,
    )


@cli.command()
@survey_command
@click.option("--probe/--no-probe", default=True, help="Make a few blocks to tell time and memory, or not.")
def plan(*, probe: bool, **flags: Any) -> int | None:
    """List the steps, what is done, and what the others will read and take; nothing is written."""
    from monitor.workflow import RunOptions, default_out

    options = RunOptions(
        out=flags["out"] or default_out(flags["survey"]), jobs=flags["jobs"], resume=flags["resume"]
    )
    return _print_plan(flags["survey"], options, None, as_json=flags["as_json"], probe=probe)


def _load_numpy_alone() -> None:
    """Load numpy without the threads of its linear algebra, which take longer to start than it is used here."""
    name = "OPENBLAS_NUM_THREADS"  # heeded while numpy is imported, and given back for whatever is started later
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        import numpy as np  # noqa: F401
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@cli.command()
@survey_command
def check(survey: Path, *, as_json: bool, quiet: bool, jobs: int, **_: Any) -> int:
    """Report every problem of the survey file and of all inputs at once; nothing is written."""
    gc.set_threshold(100_000)  # modules and tables stay to the end: to look for litter among them takes a twelfth
    _load_numpy_alone()
    from monitor.check import checked

    def told_file(problems: int) -> None:
        several = "s" if problems > 1 else ""
        found = f"{problems} problem{several} in the file" if problems else "the file reads well"
        click.echo(f"{survey}: {found}; looking at what it names", err=True)

    waits = sys.stderr.isatty() and not as_json and not quiet
    found = checked(survey, jobs=jobs, told_file=told_file if waits else None)
    problems = found.problems
    if as_json:
        told = {"problems": problems, "warnings": found.warnings}
        rows = {
            name: [{"where": p.where, "found": p.found, "expected": p.expected, "remedy": p.remedy} for p in found]
            for name, found in told.items()
        }
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif problems:
        for problem in problems:
            click.echo(str(problem))
        if not quiet:
            click.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} found", err=True)
    else:
        click.echo(f"{survey}: no problems found")
    if not as_json and not quiet:
        for warning in found.warnings:
            click.echo(f"warning: {warning}", err=True)
    return found.code


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--example", help="An example with data: andes-coca, helmand-poppy or rif-cannabis.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the landscape.")
@click.option("--ad", is_flag=True, help="Empty tables of an alternative-development programme, and a form.")
def init(directory: Path, example: str | None, seed: int, *, ad: bool) -> int:
    """Write a commented survey file to start from, or a whole example with data, or a programme's empty tables."""
    from monitor.start import write_programme_tables, write_project

    if ad:
        if example is not None:
            _refuse_both("--example", "--ad")
        for path in write_programme_tables(directory):
            click.echo(str(path))
        return 0
    click.echo(str(write_project(directory, example=example, seed=seed)))
    return 0


@cli.command()
def schema() -> int:
    """Print the JSON Schema of the survey file."""
    from monitor.config import survey_schema

    click.echo(json.dumps(survey_schema(), indent=1))
    return 0


@cli.command()
@survey_command
@click.option("--again", is_flag=True, help="Also make the whole run anew from its inputs, and compare every file.")
def verify(survey: Path, *, out: Path | None, as_json: bool, again: bool, jobs: int, **_: Any) -> int:
    """Check every file of a run against its manifest, and recompute its published figures.

    Takes a survey file, whose run folder is verified, or a run folder.
    """
    from monitor.verify import verify_run
    from monitor.workflow import default_out

    folder = out or (default_out(survey) if survey.suffix == ".toml" else survey)
    told = verify_run(folder)
    if again:
        from monitor.verify.again import run_again

        if survey.suffix != ".toml":
            raise SurveyFileError(
                Problem("--again", f"{survey.name}, no survey file", "the survey file of the run", "name it")
            )
        told = chain(told, run_again(survey, folder, jobs=jobs))
    lines: Iterable[str] = list(told) if as_json else told
    if as_json:
        click.echo(json.dumps({"out": str(folder), "verified": lines}, indent=1, ensure_ascii=False))
        return 0
    for line in lines:
        click.echo(line)
    return 0


for _command in CUSTODY:
    cli.add_command(_command)


if __name__ == "__main__":
    main()
