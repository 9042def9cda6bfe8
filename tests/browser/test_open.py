def test_a_page_that_asks_another_host_is_noticed(demo, open_page):
    opened = open_page(demo('<img alt="far" src="http://198.51.100.1/a.png">'))
    assert any("another host" in problem for problem in opened.problems)


def test_a_plain_page_has_no_problems(demo, open_page):
    assert open_page(demo("<p>Words.</p>")).problems == []


def test_an_error_of_a_script_is_noticed(demo, open_page):
    opened = open_page(demo("<script>throw new Error('broken')</script>"))
    assert any("broken" in problem for problem in opened.problems)


def test_a_missing_file_is_noticed(demo, open_page):
    opened = open_page(demo('<img alt="missing" src="missing.png">'))
    assert any("404" in problem for problem in opened.problems)
