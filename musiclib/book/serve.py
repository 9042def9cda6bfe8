"""A local web server for the built site.

Players seek by asking for a range of a file. Python's own `http.server` ignores such requests;
Tornado, which Jupyter brings along, answers them.
"""

import asyncio
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

from musiclib.errors import BookError


def application(root: Path) -> Application:
    """A Tornado application that serves a folder.

    Args:
        root: Folder of the site.

    Returns:
        The application.

    Raises:
        BookError: There is no site in the folder.
    """
    if not (root / "index.html").is_file():
        raise BookError(f"{root}: no site here. Build it first, with `make book`.")
    options = {"path": str(root), "default_filename": "index.html"}
    # Text is compressed, as publishing servers do; sounds keep their ranges.
    return Application([(r"/(.*)", StaticFileHandler, options)], compress_response=True)


def serve(root: Path, port: int = 8000, address: str = "127.0.0.1") -> None:
    """Serve a built site until interrupted.

    Args:
        root: Folder of the site.
        port: Port to listen at; 0 takes a free one.
        address: Address to listen at.

    Raises:
        BookError: There is no site in the folder, or the port is taken.
    """

    async def run() -> None:
        try:
            sockets = bind_sockets(port, address)
        except OSError as error:
            raise BookError(
                f"Port {port} is not free ({error.strerror}). Choose another with --port."
            ) from error
        server = HTTPServer(application(root))
        server.add_sockets(sockets)
        print(f"http://{address}:{sockets[0].getsockname()[1]}/", flush=True)  # noqa: T201
        await asyncio.Event().wait()

    asyncio.run(run())
