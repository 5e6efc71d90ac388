"""The printed pages of the site in one file: outline, ways from page to page, and a number on every leaf."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    Destination,
    DictionaryObject,
    NameObject,
    NullObject,
    StreamObject,
    TextStringObject,
)

from bookbuild.pdf.compose import INSIDE

FONT = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica", "Encoding": "WinAnsiEncoding"}
NUMBER = "Q /Artifact BMC q BT 0.2 g /SegbookNumber 9 Tf 530 36 Td ({}) Tj ET Q EMC"  # at the lower right, in points


def join(printed: Sequence[Path], titles: Mapping[Path, Sequence[str]], about: dict[str, str]) -> PdfWriter:
    """One book of printed files.

    Args:
        titles: the headings of each file, for the outline: Chromium says one twice that stands at the top of a page.
        about: the book's title and its authors.

    Raises:
        ValueError: a link that leads nowhere, or an outline that is not that of the headings.
    """
    writer, places = PdfWriter(), {}
    for path in printed:
        reader, before = PdfReader(path), len(writer.pages)
        for name, place in reader.named_destinations.items():
            places[name.lstrip("/")] = (before + reader.get_destination_page_number(place), place)
        writer.append(reader)
    _entitle(writer, [title for path in printed for title in titles[path]])
    font = writer._add_object(
        DictionaryObject({NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in FONT.items()})
    )
    for number, page in enumerate(writer.pages, 1):
        for link in page.get("/Annots") or []:
            _lead(link.get_object(), places, writer)
        if number > 1:
            _number(writer, page, number, font)
    writer.add_metadata(about)
    writer.compress_identical_objects()  # each file brings its fonts
    return writer


def headings(entries: Sequence) -> Iterator[Destination]:
    """All entries of an outline in their order."""
    for entry in entries:
        if isinstance(entry, list):
            yield from headings(entry)
        else:
            yield entry


def _entitle(writer: PdfWriter, titles: Sequence[str]) -> None:
    entries = list(headings(writer.outline))
    if len(entries) != len(titles):
        raise ValueError(f"the outline has {len(entries)} entries, and the pages have {len(titles)} headings")
    for entry, title in zip(entries, titles):
        entry.node[NameObject("/Title")] = TextStringObject(title)


def _lead(link: DictionaryObject, places: Mapping[str, tuple[int, Destination]], writer: PdfWriter) -> None:
    """Make a link to INSIDE one that leads there."""
    address = str((link.get("/A") or {}).get("/URI", ""))
    if not address.startswith(INSIDE):
        return
    name = address.removeprefix(f"{INSIDE}#")
    if name not in places:
        raise ValueError(f"{name} is nowhere in the printed book")
    number, place = places[name]
    del link["/A"]
    target = [writer.pages[number].indirect_reference, NameObject("/XYZ"), place.left, place.top, NullObject()]
    link[NameObject("/Dest")] = ArrayObject(target)


def _number(writer: PdfWriter, page: DictionaryObject, number: int, font: DictionaryObject) -> None:
    fonts = page["/Resources"].setdefault(NameObject("/Font"), DictionaryObject()).get_object()
    fonts[NameObject("/SegbookNumber")] = font
    parts = page["/Contents"].get_object()
    parts = list(parts) if isinstance(parts, ArrayObject) else [page.raw_get("/Contents")]
    page[NameObject("/Contents")] = ArrayObject(
        [writer._add_object(_stream("q")), *parts, writer._add_object(_stream(NUMBER.format(number)))]
    )


def _stream(text: str) -> StreamObject:
    stream = StreamObject()
    stream.set_data(text.encode())
    return stream
