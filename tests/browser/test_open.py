"""What goes wrong in a page is noticed, and nothing else."""

import pytest

BROKEN = {
    "another host": '<img alt="far" src="http://198.51.100.1/a.png">',
    "broken": "<script>throw new Error('broken')</script>",
    "404": '<img alt="missing" src="missing.png">',
}


def body(html):
    return html


@pytest.mark.parametrize("told", BROKEN)
def test_what_goes_wrong_in_a_page_is_noticed(demo, open_page, told):
    opened = open_page(demo(body, BROKEN[told]).url)
    assert any(told in problem for problem in opened.problems)
