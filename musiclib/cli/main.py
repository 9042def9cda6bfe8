"""Entry point of the `musiclib` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from musiclib import __version__
from musiclib.cli import book, codec, data, measure, train
from musiclib.errors import MusiclibError

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like every other error of this command."""

    def error(self, message: str) -> NoReturn:
        """Print the message and where to find help, then leave with exit code 2."""
        self.exit(EXIT_USER_ERROR, f"musiclib: error: {message} (see {self.prog} --help)\n")


def build_parser() -> Parser:
    """Return the parser of the whole command, all subcommands included."""
    parser = Parser(
        prog="musiclib",
        description="Music compression: data sets, codecs, measurements and the book on them.",
    )
    parser.add_argument("--version", action="version", version=f"musiclib {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (codec, measure, train, data, book):
        module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process when None.

    Returns:
        0 when all went well, 1 when a part failed, 2 for an error that the user can act on, 130
        when interrupted.
    """
    try:
        args = build_parser().parse_args(argv)
        return int(args.run(args))
    except SystemExit as stop:  # argparse leaves this way after --help and after a wrong argument
        return stop.code if isinstance(stop.code, int) else EXIT_USER_ERROR
    except MusiclibError as error:
        return _fail(str(error))
    except BrokenPipeError:  # who reads the output, such as `head`, has seen enough
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        return 0
    except OSError as error:  # a full disk, a folder without permission
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)


def _fail(message: str, code: int = EXIT_USER_ERROR) -> int:
    print(f"musiclib: error: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
