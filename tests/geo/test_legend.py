"""The legend of a class map."""

from __future__ import annotations

import pytest

from geo.errors import SurveyFileError
from geo.legend import Legend, MapClass

COCA = MapClass(code=1, name="coca", colour="#D55E00", crop=True)
FOREST = MapClass(code=2, name="forest", colour="#1B7837")


def test_lookups() -> None:
    """Law: code and name are inverse, and order is kept."""
    legend = Legend((FOREST, COCA))
    assert [legend.code(legend.name(code)) for code in legend.codes] == [2, 1]
    assert legend.names == ("forest", "coca")
    assert legend.crops == ("coca",)
    assert list(legend) == [FOREST, COCA]
    assert len(legend) == 2


def test_unknown_class_lists_the_classes() -> None:
    """Law: asking for a class that is not there names those that are."""
    with pytest.raises(KeyError, match="no class with name 'poppy'; the legend has coca, forest"):
        Legend((COCA, FOREST)).code("poppy")
    with pytest.raises(KeyError, match="no class with code 9"):
        Legend((COCA, FOREST)).name(9)


def test_every_mistake_at_once() -> None:
    """Law: a code and a name used twice, a code out of range and a bad colour are told together."""
    with pytest.raises(SurveyFileError) as caught:
        Legend(
            (
                COCA,
                COCA,
                MapClass(code=0, name="outside", colour="#000000"),
                MapClass(code=255, name="x", colour="red"),
            )
        )
    assert [str(problem).split(";")[0] for problem in caught.value.problems] == [
        "legend code: found 1 twice",
        "legend name: found coca twice",
        "legend class outside: found code 0",
        "legend class x: found code 255",
        "legend class x: found colour 'red'",
    ]


@pytest.mark.parametrize("colour", ["#12345", "#1234567", "123456", "#12345G", "#123456\n"])
def test_colours_are_six_digits(colour: str) -> None:
    """Law: nothing but ``#rrggbb`` is a colour."""
    with pytest.raises(SurveyFileError, match="#rrggbb"):
        Legend((MapClass(code=1, name="a", colour=colour),))


def test_reserved_codes() -> None:
    """Law: outside and not seen are no classes, and are not each other."""
    assert {Legend.OUTSIDE, Legend.NOT_SEEN} == {0, 255}
    assert not {0, 255} & set(range(1, 255))
