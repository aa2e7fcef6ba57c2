"""A page read back with the standard library's parser, as a browser would."""

import base64
import io
from html.parser import HTMLParser

from PIL import Image

EMPTY_ELEMENTS = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a page holds; fails on elements that are not closed in order.

    Attributes:
        elements: with their attributes.
        texts: what a reader sees, in order; pictures apart.
        scripts: the text of each.
        tables: the texts of the cells, by table and row, heads and totals included.
        title: of the page itself.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.title = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY_ELEMENTS:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-2:] == ["head", "title"]:
            self.title += data
        elif data.strip() and not {"style", "svg"} & set(self._open):
            self.texts.append(" ".join(data.split()))
            if "th" in self._open or "td" in self._open:
                self.tables[-1][-1][-1] += self.texts[-1]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of that name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def images(self) -> list[Image.Image]:
        """The pictures, all of which must be in the page itself."""
        sources = [image["src"] or "" for image in self.all("img")]
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        return [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2], validate=True))) for source in sources]
