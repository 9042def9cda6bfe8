"""A Sphinx extension: a cell's table is numbered and referred to as a table.

MyST-NB wraps the outputs of a cell into a figure when the cell's metadata say so. A cell that
shows a table does the same, with a name that begins with `tab-`:

    "mystnb": {"figure": {"caption": "...", "name": "tab-rates", "caption_before": true}}

Such a figure becomes a table here: it counts with the tables, its caption begins with "Table 3",
and so does a reference to it by the role `numref`.
"""

from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from musiclib.book.notebooks import TABLE_PREFIX


class NumberedTable(nodes.figure):  # type: ignore[misc]
    """Outputs of a cell that count as a table."""


class TablesOfCells(SphinxTransform):
    """Turn figures whose name begins with `tab-` into tables."""

    # After MyST-NB has put the outputs into the page, before Sphinx collects what is numbered.
    default_priority: ClassVar[int] = 850

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Change the page's tree in place."""
        for figure in list(self.document.findall(nodes.figure)):
            if not any(str(name).startswith(TABLE_PREFIX) for name in figure["ids"]):
                continue
            table = NumberedTable(figure.rawsource, *figure.children, **figure.attributes)
            table.source, table.line = figure.source, figure.line
            figure.replace_self(table)
            for name in table["ids"]:
                self.document.ids[name] = table


def _visit(translator: Any, node: nodes.Element) -> None:
    node["classes"].append("ml-numbered-table")
    translator.visit_figure(node)


def _depart(translator: Any, node: nodes.Element) -> None:
    translator.depart_figure(node)


def setup(app: Sphinx) -> dict[str, bool]:
    """Announce the kind of node and the transform to Sphinx.

    Args:
        app: The running Sphinx.

    Returns:
        What Sphinx may do with the extension.
    """
    app.add_enumerable_node(NumberedTable, "table", html=(_visit, _depart))
    app.add_transform(TablesOfCells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
