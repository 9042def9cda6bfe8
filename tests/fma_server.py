"""FMA archives in the official layout, made small, and a local server that can misbehave."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import numpy as np

from tests.encoded import encode_bytes
from tests.signals import tone

# The official files were packed with bzip2 (mdeff/fma, issue 5).
COMPRESSION = zipfile.ZIP_BZIP2


def mp3_bytes(frequency: float = 440.0, seconds: float = 1.0, sample_rate: int = 44_100) -> bytes:
    """Return a stereo tone as MP3."""
    audio = tone(frequency, int(seconds * sample_rate), sample_rate, 0.4)
    return encode_bytes(np.stack([audio, audio]), sample_rate, "libmp3lame", "mp3", 128)


@dataclass(frozen=True)
class Track:
    """A row of `tracks.csv`."""

    number: int
    artist: int
    genre: str = "Rock"
    split: str = "training"
    subset: str = "small"
    title: str = "A title, with a comma"
    duration: int = 200


def tracks_csv(tracks: Sequence[Track]) -> bytes:
    """Return a `tracks.csv` with its two header rows and the row of the index name."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    rows = [_row(track) for track in tracks]
    keys = sorted(rows[0])
    writer.writerow(["", *(top for top, _ in keys)])
    writer.writerow(["", *(name for _, name in keys)])
    writer.writerow(["track_id", *("" for _ in keys)])
    for track, row in zip(tracks, rows, strict=True):
        writer.writerow([track.number, *(row[key] for key in keys)])
    return text.getvalue().encode()


def _row(track: Track) -> dict[tuple[str, str], object]:
    return {
        ("album", "comments"): "0",
        ("artist", "id"): track.artist,
        ("artist", "name"): f"Artist\n{track.artist}",
        ("set", "split"): track.split,
        ("set", "subset"): track.subset,
        ("track", "duration"): track.duration,
        ("track", "genre_top"): track.genre,
        ("track", "license"): "Attribution 3.0",
        ("track", "title"): track.title,
    }


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """Return a zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", COMPRESSION) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def metadata_zip(tracks: Sequence[Track]) -> bytes:
    """Return `fma_metadata.zip` of these tracks."""
    return zip_bytes(
        {
            "fma_metadata/README.txt": b"test data",
            "fma_metadata/not_found.pickle": b"never unpacked",
            "fma_metadata/tracks.csv": tracks_csv(tracks),
            "fma_metadata/genres.csv": b"genre_id,#tracks,parent,title,top_level\n",
        }
    )


def audio_zip(files: dict[int, bytes], name: str = "fma_small") -> bytes:
    """Return `fma_small.zip` with the given MP3 files."""
    members = {f"{name}/README.txt": b"test data"}
    sums = []
    for number, content in files.items():
        path = f"{number // 1000:03d}/{number:06d}.mp3"
        members[f"{name}/{path}"] = content
        sums.append(f"{hashlib.sha1(content).hexdigest()}  {path}\n")
    members[f"{name}/checksums"] = "".join(sums).encode()
    return zip_bytes(members)


@dataclass
class FmaServer:
    """Serves `files` by name at `url`, and keeps a list of the requests."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True  # whether range requests are honoured
    cut_after: list[int] = field(default_factory=list)  # bytes after which the first replies end
    failures: list[int] = field(default_factory=list)  # statuses of the next replies
    requests: list[tuple[str, str]] = field(default_factory=list)  # name and Range header

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def sha1(self, name: str) -> str:
        return hashlib.sha1(self.files[name]).hexdigest()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        name = Path(request.path).name
        asked = request.headers.get("Range", "")
        self.requests.append((name, asked))
        request.close_connection = True
        if self.failures or name not in self.files:
            request.send_response(self.failures.pop(0) if self.failures else 404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        content = self.files[name]
        start = 0
        found = re.match(r"bytes=(\d+)-$", asked)
        if found and self.ranges:
            start = int(found[1])
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if self.cut_after:
            body = body[: self.cut_after.pop(0)]
        request.wfile.write(body)


def write_fma(
    root: Path,
    tracks: Sequence[Track],
    name: str = "fma_small",
    files: Mapping[int, bytes] | None = None,
) -> Path:
    """Lay out an unpacked data set, and return its root. Without `files`, all are a short tone."""
    (root / "fma_metadata").mkdir(parents=True)
    (root / "fma_metadata" / "tracks.csv").write_bytes(tracks_csv(tracks))
    short = mp3_bytes(seconds=0.3)
    for track in tracks:
        file = root / name / f"{track.number // 1000:03d}" / f"{track.number:06d}.mp3"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(short if files is None else files[track.number])
    return root
