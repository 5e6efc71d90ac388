"""Which chapter explains which term."""

from bookbuild.site.search_order import first_uses


def test_the_first_chapter_that_links_a_term_explains_it(tmp_path):
    (tmp_path / "02-second.md").write_text("A {term}`stride`, a\n{term}`Mean\nIoU`, {term}`nets <network>`.")
    (tmp_path / "01-first.md").write_text("The {term}`strides <stride>` of {term}`void`.")
    (tmp_path / "notation.md").write_text("{term}`symbol`")
    book = tmp_path.name
    assert first_uses(tmp_path) == {
        "stride": f"{book}/01-first",
        "void": f"{book}/01-first",
        "mean iou": f"{book}/02-second",
        "network": f"{book}/02-second",
    }
