"""The templates: texts of others are inert in every place where they stand."""

from __future__ import annotations

from recbole_ext.report.document import Details, Document, Section
from recbole_ext.report.render import render


def test_a_summary_is_inert_for_readers_of_markdown_and_of_html() -> None:
    folded = Details("[x](javascript:alert(1)) <b> `c`", "code")
    page = render(Document("t", "k", "h", "l", (), (Section("a", "A", (folded,)),)), "md")
    summary = page.partition("<summary>")[2].partition("</summary>")[0]
    assert summary == "&#91;x&#93;&#40;javascript:alert&#40;1&#41;&#41; &#60;b&#62; &#96;c&#96;"
