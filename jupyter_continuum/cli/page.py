"""A notebook as a page to read: what it says and what came out."""

from __future__ import annotations

from pathlib import Path

# Nothing is fetched from elsewhere when a page is opened.
TEMPLATE = """\
{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""


def write_page(notebook: Path, folder: Path) -> Path:
    """``notebook`` with the outputs it has, as one HTML file in ``folder``; where it lies."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=TEMPLATE)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_filename(str(notebook))
    page = folder / f"{notebook.stem}.html"
    page.write_text(body, encoding="utf-8")
    return page
