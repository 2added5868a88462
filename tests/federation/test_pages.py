"""Templates of pages: every page has the house's style once, and its own words for the rest."""

import pytest

from federation import pages

ALL = [
    ("auditor", "data", "report.html"),
    ("auditor", "data", "trail.html"),
    ("coordinator", "data", "feedback.html"),
    ("coordinator", "data", "statistics.html"),
    ("coordinator.documents", "templates", "page.html"),
]


@pytest.mark.parametrize("place", ALL, ids=lambda place: place[-1])
def test_a_template_with_the_style_of_the_house(place: tuple[str, ...]) -> None:
    page = pages.template(*place)
    assert page.is_valid()
    assert page.template.count("box-sizing") == 1
    assert "house" not in page.template
    assert page is pages.template(*place)
