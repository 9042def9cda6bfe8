"""The book: chapters run by papermill, built by jupyter-book, checked before publication.

Modules, in the order in which a build uses them:

- `layout`: which chapters the book has, and the form that notebooks have in git.
- `run`: one chapter executed with parameters, and its copy to publish or the reasons to refuse it.
- `store`: executed chapters kept by the hash of all that they depend on; what a site is made from.
- `claims`: what a chapter's sentences say of its numbers, checked while it runs.
- `site`: jupyter-book with warnings as errors; copies for Colab; a server that players can seek at.
- `extension`: what the book adds to Sphinx: tables with numbers, formulas as MathML.
- `pages`: built pages finished with what needs the whole site or the run.
- `pdf`: all pages as one document, printed.
- `check`: every link, source, anchor, alternative text and page weight of the built site.
- `build`: all of it in one call.
"""
