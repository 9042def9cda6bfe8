"""`musiclib encode` and `decode` over folders: the same tree, file by file."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from musiclib.cli.files import check_output
from musiclib.errors import MusiclibError

AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".aif", ".aiff"),
    *(".wma", ".wv", ".ape", ".tta", ".caf", ".au", ".mka", ".w64"),
)
EXIT_FAILED = 1

Progress = Callable[[float], None]
Work = Callable[[Path, Path, Progress], str]


def nobody(_share: float) -> None:
    """Be told how far the work is, and do nothing."""


@contextmanager
def bar(name: str, quiet: bool) -> Iterator[Progress]:
    """Show how far one file is, on standard error if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield nobody
        return
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=name, leave=False, bar_format=form) as shown:
        yield lambda share: shown.update(share - shown.n) and None


def files_of(folder: Path, suffixes: tuple[str, ...], but: Path) -> list[Path]:
    """Return the files of a folder and those below it, in order, hidden ones left out.

    Args:
        folder: Where to look.
        suffixes: Suffixes of the files, in lower case.
        but: Folder to leave out.

    Raises:
        MusiclibError: There are none.
    """
    inside = but.absolute()
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in suffixes and path.is_file() and not hidden:
            if inside != folder.absolute() and inside in path.absolute().parents:
                continue
            found.append(path)
    if not found:
        raise MusiclibError(
            f"{folder} holds no files that end in {', '.join(suffixes)}. Name another folder."
        )
    return found


def targets(files: list[Path], source: Path, folder: Path, suffix: str) -> dict[Path, Path]:
    """Return where each file goes: the same place in another folder, with another suffix.

    Two files that differ in their suffix alone keep it, as in `song.wav.mlc`.
    """
    plain = {path: folder / path.relative_to(source).with_suffix(suffix) for path in files}
    often = Counter(plain.values())
    return {
        path: target if often[target] == 1 else target.with_name(path.name + suffix)
        for path, target in plain.items()
    }


def run_batch(
    source: Path,
    folder: Path,
    suffixes: tuple[str, ...],
    suffix: str,
    work: Work,
    *,
    force: bool,
    quiet: bool,
) -> int:
    """Work on all files of a folder; what fails is named, and the others go on.

    Args:
        source: Folder to read.
        folder: Folder to write, which is made.
        suffixes: Suffixes of files to work on.
        suffix: Suffix of the results.
        work: Turns a file into another, which it moves into place when it is whole.
        force: Whether to do again what is there already.
        quiet: Whether to say nothing but warnings and the summary.

    Returns:
        0 when all went well, 1 when files failed.
    """
    if folder.exists() and not folder.is_dir():
        raise MusiclibError(f"{folder} is a file. A folder of files is coded into a folder.")
    pairs = targets(files_of(source, suffixes, folder), source, folder, suffix)
    done = skipped = failed = 0
    for number, (path, target) in enumerate(pairs.items(), 1):
        if target.exists() and not force:
            skipped += 1
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            check_output(path, target, force)
            with bar(f"{number}/{len(pairs)} {path.name}", quiet) as progress:
                line = work(path, target, progress)
        except (MusiclibError, OSError) as error:
            failed += 1
            told = " ".join(str(error).split())
            named = told if str(path) in told else f"{path}: {told}"
            print(f"musiclib: warning: {named}", file=sys.stderr)
            continue
        done += 1
        if not quiet:
            print(line)
    print(f"{folder}: {done} written, {skipped} there already, {failed} failed")
    return EXIT_FAILED if failed else 0
