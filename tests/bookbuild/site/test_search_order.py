"""Which chapter explains which term."""

from bookbuild.site.search_order import first_uses


def test_the_first_page_that_links_a_term_explains_it(tmp_path):
    book = tmp_path / "book"
    (book / "deeper").mkdir(parents=True)
    (book / "deeper" / "a.md").write_text("{term}`void` and {term}`hole`")
    (book / "02-second.md").write_text("A {term}`stride`, a\n{term}`Mean\nIoU`, {term}`nets <network>`.")
    (book / "01-first.md").write_text("The {term}`strides <stride>` of {term}`void`.")
    (book / "notation.md").write_text("{term}`symbol`")
    assert first_uses(tmp_path) == {
        "stride": "book/01-first",
        "void": "book/01-first",
        "mean iou": "book/02-second",
        "network": "book/02-second",
        "hole": "book/deeper/a",
    }
