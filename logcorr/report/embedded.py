"""What an HTML report embeds: its document, and the tables that people see."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects the data blocks of an HTML file, and the cells of its tables, a list a row."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.rows: list[list[str]] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes where a block, a row or a cell begins."""
        if tag == "tr":
            self.rows.append([])
        if tag == "td" and self.rows:
            self._into = self.rows[-1]
        elif tag == "script":
            self._into = self.blocks if dict(attrs).get("type") == "application/json" else None
        else:
            return
        if self._into is not None:
            self._into.append("")

    def handle_data(self, data: str) -> None:
        """Adds to the block or cell."""
        if self._into:
            self._into[-1] += data

    def handle_endtag(self, tag: str) -> None:
        """Ends the block or cell."""
        if tag in ("td", "script"):
            self._into = None
