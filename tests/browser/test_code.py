"""The switch that unfolds the code of a page, and remembers."""

FOLD = (
    '<div class="cell {} container"><details class="admonition hide above-input"><summary>'
    '<p class="collapsed admonition-title">Show code cell source</p>'
    '<p class="expanded admonition-title">Hide code cell source</p></summary>'
    '<div class="cell_input"><pre>{}</pre></div></details></div>'
)


def body():
    folds = [("tag_hide-input", "one"), ("tag_hide-input", "two"), ("tag_hide-cell", "solution")]
    return f"<article><h1>A chapter</h1>{''.join(FOLD.format(*fold) for fold in folds)}</article>"


def shown(page):
    return [part.is_visible() for part in page.locator("pre").all()]


def test_one_switch_shows_all_code_but_solutions_and_is_remembered(demo, open_page):
    page = open_page(demo(body).url).page
    switch = page.locator(".ml-code-switch")
    assert shown(page) == [False, False, False]
    switch.click()
    assert shown(page) == [True, True, False]
    page.reload()
    assert shown(page) == [True, True, False]
    switch.click()
    page.reload()
    assert shown(page) == [False, False, False]


def test_without_scripts_there_is_no_dead_switch(demo, open_page):
    page = open_page(demo(body).url, script=False).page
    assert page.locator(".ml-code-switch").count() == 0
    page.locator("summary").first.click()
    assert shown(page) == [True, False, False]


def plain():
    return "<article><h1>Words</h1><p>Only words.</p></article>"


def test_a_page_without_code_has_no_switch(demo, open_page):
    assert open_page(demo(plain).url).page.locator(".ml-code-switch").count() == 0
