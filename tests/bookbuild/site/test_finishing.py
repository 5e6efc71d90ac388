"""What is done to the built pages and their heads."""

import re

import pytest
from docutils.core import publish_doctree

from bookbuild.site.finishing import ICON_SCRIPT, MATHJAX, WAITING, icon_styles, keep_room
from bookbuild.site.page_head import LONGEST, description, published_address, shorten

SCRIPT = (
    'var a={sun:[512,512,[9728],"f185","M1 1h9z"],"circle-half-stroke":[512,256,[9680,"adjust"],"f042","M2 2"]};'
    'var b={sun:[512,512,[9728],"f185","M7 7"],pencil:[512,512,[9999,"pencil-alt"],"f303","M3 3z"]};'
)


def test_the_icons_that_are_shown_are_cut_out_of_the_script():
    css = icon_styles(SCRIPT, {"sun", "adjust", "pencil-alt", "lg", "nothing"})
    assert "M1 1h9z" in css and "M7 7" not in css, "the first face counts"
    assert ".fa-adjust {" in css and "0 0 512 256" in css, "found by its other name, with its own width"
    assert ".fa-pencil-alt {" in css
    assert ".fa-nothing" not in css and ".fa-circle" not in css


def test_what_goes_out_of_a_page():
    head = '<head>\n<script defer src="../_static/scripts/fontawesome.js?digest=5"></script>\n'
    assert ICON_SCRIPT.sub("", head) == "<head>\n"
    math = '<script>window.MathJax = {"a": 1}</script>\n<script defer="defer" src="_static/mathjax/tex.js"></script>'
    math += '<script defer="defer" src="../_static/mathjax-pieces.js?v=ac"></script>'
    assert MATHJAX.sub("", math).strip() == ""
    other = '<script src="_static/doctools.js"></script>'
    assert MATHJAX.sub("", other) == other and ICON_SCRIPT.sub("", other) == other


def test_a_formula_says_how_much_room_it_takes():
    inline = '<p>The size <span class="math notranslate nohighlight">\\(x &lt; 1\\)</span> of</p>'
    alone = '<div class="math notranslate nohighlight">\n\\[\na \\]</div>'
    number = '<span class="eqno">(3.1)<a href="#equation-a">#</a></span>'
    numbered = f'<div class="math notranslate nohighlight" id="equation-a">\n{number}\\[\na\n\\]</div>'
    done = keep_room(inline + alone + numbered)
    assert re.findall(r"--room: ([\d.]+)ex", done) == ["5.45", "2.06", "2.06"]  # a width, two heights
    assert re.sub(r' style="[^"]*"', "", done) == inline + alone + numbered
    assert keep_room(done) == done


def test_only_the_options_are_read_before_the_text():
    def deferred(tag: str) -> str:
        return WAITING.sub("<script defer", tag)

    assert deferred('<script src="../searchindex.js"></script>') == '<script defer src="../searchindex.js"></script>'
    tabs = '<script data-key="a" src="tabs.js"></script>'
    assert deferred(tabs) == '<script defer data-key="a" src="tabs.js"></script>'
    kept = (
        '<script src="../_static/documentation_options.js?v=1"></script>',
        '<script defer="defer" src="a.js"></script>',
        '<script async src="a.js"></script>',
        "<script>let src = 'a.js';</script>",
        '<script type="application/json">{"src": 1}</script>',
    )
    for tag in kept:
        assert deferred(tag) == tag


@pytest.mark.parametrize(
    "text, short",
    [
        ("A short one.", "A short one."),
        ("First sentence, which is long enough to say what a page is about, as it should be. " + "x" * 200, None),
        ("word " * 60, None),
    ],
)
def test_a_description_ends_where_a_sentence_or_a_word_does(text, short):
    result = shorten(text)
    assert len(result) <= LONGEST
    assert result == short if short else result.endswith((".", "word…"))


def test_a_description_is_the_first_paragraph_of_prose():
    source = "Title\n=====\n\n*Reading 3 min, running 5 s*\n\n* a list item, long enough to be taken for the text\n\n"
    source += "What is the smallest network that can do this? It has two layers."
    assert description(publish_doctree(source)) == "What is the smallest network that can do this? It has two layers."
    assert description(publish_doctree("Title\n=====\n")) == ""


def test_the_address_of_a_fork_follows_from_its_repository():
    assert published_address("https://github.com/Ada/book") == "https://ada.github.io/book/"
    with pytest.raises(ValueError, match="owner/name"):
        published_address("https://github.com/book")
