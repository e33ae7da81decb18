"""What the data owner must have decided before products of tiers 1 and 2 are made, all of it told at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from geo.errors import DisclosureError, InputError, Problem, reason
from geo.json_text import read_json
from maps.disclosure.pattern import Decision
from maps.disclosure.policy import TierRules
from maps.disclosure.release import approval_problems, embargo_end, read_approvals, read_key
from maps.disclosure.tier import Tier
from monitor.config import Survey
from monitor.context import Context
from monitor.places import rules_of

__all__ = ["earlier_decisions", "require_approved", "require_open"]


def require_open(context: Context, tier: Tier, today: date) -> None:
    """Refuse a product that may not be made yet, before anything is computed for it.

    Raises
    ------
    DisclosureError
        Naming everything that the survey file does not decide, and an embargo that is not over.
    """
    rules = rules_of(context)[tier]
    problems = list(_problems(context.survey, tier, rules, today))
    section = context.survey.disclosure
    if section.signing_key is not None:
        try:
            read_key(section.signing_key, outside=(context.root, context.out))
        except DisclosureError as error:
            problems += error.problems
    if problems:
        raise DisclosureError(problems)


def _problems(survey: Survey, tier: Tier, rules: TierRules, today: date) -> Iterator[Problem]:
    where = f"--tier {int(tier)}"
    section = survey.disclosure
    official = survey.official is not None
    if survey.official is not None and survey.official.tier < tier:
        yield Problem(
            f"{where}, [official] tier",
            f"{survey.official.tier}",
            f"{int(tier)}: a circle that the authority released its table to",
            "set it when the authority agrees, or share the authority's own table",
        )
    if survey.area.tier < tier:
        yield Problem(
            f"{where}, [area] tier",
            f"{survey.area.tier}",
            f"{int(tier)}: boundaries that this circle may see",
            "set it when the data owner agrees",
        )
    periods = [period.reference_date for period in survey.period if period.role in ("baseline", "current")]
    end = embargo_end(periods, rules.embargo_months, section.embargo_until)
    if today < end:
        yield Problem(f"{where}, embargo", f"{today}", f"{end} or later", "wait")
    if (
        not official
        and tier is Tier.PUBLIC
        and section.households is None
        and not section.without_households.strip()
    ):
        yield Problem(
            f"{where}, [disclosure]",
            "neither households nor without_households",
            "the households for the group rule, or the data owner's reason to do without it",
            "add one of them",
        )
    if rules.signed and section.signing_key is None:
        yield Problem(
            f"{where}, [disclosure] signing_key",
            "none",
            "an Ed25519 private key outside the project",
            "make one with: openssl genpkey -algorithm ed25519 -out KEY.pem",
        )
    if rules.approvals and section.approvals is None:
        yield Problem(
            f"{where}, [disclosure] approvals", "none", f"a file for {rules.approvals} approvals", "name one"
        )


def require_approved(context: Context, tier: Tier, tables: str, today: date) -> tuple[str, ...]:
    """Return the offices that approved the very tables.

    Raises
    ------
    DisclosureError
        If too few persons did.
    """
    rules = rules_of(context)[tier]
    path = context.survey.disclosure.approvals
    approvals = read_approvals(path) if path is not None and path.is_file() else ()
    problems = list(approval_problems(approvals, rules, tier=tier, tables=tables, today=today))
    if problems:
        raise DisclosureError(problems)
    return tuple(sorted({one.office for one in approvals if one.tier is tier and one.tables == tables}))


def earlier_decisions(paths: list[Path]) -> list[Decision]:
    """Read what products that went out before showed, from their release records.

    Raises
    ------
    InputError
        Naming every file that is no such record.
    """
    found, problems = [], []
    for path in paths:
        try:
            record = read_json(path)["release"]["decision"]
            found.append(Decision.from_record(record))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            why = f"no release record of a product ({reason(error)})"
            problems.append(
                Problem(f"{path} ([disclosure] earlier)", why, "release-map.json or release-export.json of one")
            )
    if problems:
        raise InputError(problems)
    return found
