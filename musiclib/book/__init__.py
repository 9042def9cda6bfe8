"""The book: chapters run by papermill, built by jupyter-book, checked before publication.

Modules, in the order in which a build uses them:

- `notebooks`: the canonical form of a chapter in git, without outputs.
- `layout`: which chapters the book has, and where they are.
- `run`: one chapter executed with parameters, in this interpreter.
- `postprocess`: the published copy of an executed chapter, or the reasons to refuse it.
- `store`: executed chapters kept by the hash of everything that they depend on.
- `site`: jupyter-book with warnings as errors, and files instead of remote scripts.
- `check`: every link, source, anchor, alternative text and page weight of the built site.
- `build`: all of it in one call.
- `serve`: a local web server that answers range requests, so that players can seek.
"""
