"""What a kernel of the build runs before its first cell. It leaves no name behind that a cell could use by mistake."""

__import__("bookbuild.site.themed_svg").site.themed_svg.install()
