"""Six languages say the same things and write numbers their own way."""

from __future__ import annotations

import re

import pytest

from geo.errors import SurveyFileError
from maps.language import LANGUAGES, Language, language

ISOLATES = re.compile("[\u2066-\u2069]")


def shown(text: str) -> str:
    """Return text without the invisible signs that steer its direction."""
    return ISOLATES.sub("", text)


@pytest.mark.parametrize("code", LANGUAGES)
def test_catalogues_agree(code: str) -> None:
    """Law: every language has the keys of English, with the same places to fill, and no empty text."""
    english, other = language("en"), language(code)
    assert other.words.keys() == english.words.keys()
    for key, text in other.words.items():
        assert text.strip(), key
        places = set(re.findall(r"{\w+}", text))
        assert places == set(re.findall(r"{\w+}", english.words[key])), key


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_catalogues_are_translated(code: str) -> None:
    """Negative control: no catalogue is English under another name."""
    english, other = language("en"), language(code)
    same = [key for key, text in other.words.items() if text == english.words[key] and len(text) > 12]
    assert len(same) < 4, same


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", "12,346"),
        ("fr", "12\u202f346"),
        ("es", "12\u202f346"),
        ("ru", "12\u00a0346"),
        ("zh", "12,346"),
        ("ar", "12,346"),
    ],
)
def test_thousands(code: str, expected: str) -> None:
    """Published: groups as the CLDR and, for Spanish, the Real Academia write them."""
    assert shown(language(code).number(12345.678)) == expected


def test_spanish_groups_from_five_digits() -> None:
    """Published: Spanish leaves four digits together (Ortografía de la lengua española, 2010)."""
    assert language("es").number(1234) == "1234"
    assert language("fr").number(1234) == "1\u202f234"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.004, "0"), (1.005, "1.00"), (3.456, "3.46"), (9.996, "10.0"), (99.96, "100"), (-0.001, "0")],
)
def test_digits(value: float, expected: str) -> None:
    """Literal: digits follow the size of the number, and nothing is minus zero."""
    assert language("en").number(value) == expected


def test_scale_and_sign() -> None:
    """Literal: numbers side by side get equal digits, a rise its plus, a fall a true minus."""
    english = language("en")
    assert english.interval(-145.2, 66.9, signed=True) == "\u2212145 to +67 ha"
    assert english.interval(2.04, 38.3) == "2.0 to 38.3 ha"


def test_arabic_keeps_signs_in_place() -> None:
    """Literal: in Arabic every number stands in an isolate, so that its minus is not moved behind it."""
    assert language("ar").number(-5.5) == "\u2066\u22125.50\u2069"
    assert language("ar").direction == "rtl"


def test_unknown_language() -> None:
    """Literal: a language that is not there is the user's mistake, with the choice told."""
    with pytest.raises(SurveyFileError, match="expected one of en, fr, es, ar, ru, zh"):
        language("de")


@pytest.mark.parametrize("code", LANGUAGES)
def test_interval_words(code: str) -> None:
    """Law: an interval holds both of its ends and the unit."""
    words: Language = language(code)
    text = shown(words.interval(1001, 1467))
    assert shown(words.number(1001)) in text
    assert shown(words.number(1467)) in text
    assert words.text("pattern.ha", value="").strip("\u2068\u2069 \u00a0") in text
