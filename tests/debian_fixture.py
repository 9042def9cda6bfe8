"""A tiny Debian: packages with tones in them, an apt-get that hands them out, and their tables."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from musiclib.datasets import debian
from musiclib.datasets.debian import DebPackage
from musiclib.files import sha256_of

RATE = 24_000
VERSION = "1:2.0-1"
APT = """#!/bin/sh
echo "$2" >> "{log}"
file=$(echo "$2" | sed 's/=1:/_1%3a/')_all.deb
if [ -f "{archive}/$file" ]; then cp "{archive}/$file" .; else
  echo "E: Version '1:2.0-1' for '$2' was not found" >&2; exit 100; fi
"""


def tone(number: int) -> bytes:
    """Return 0.2 s of a tone of `100 * (number + 1)` Hz as a FLAC file."""
    sound = 0.3 * np.sin(2 * np.pi * 100 * (number + 1) * np.arange(RATE // 5) / RATE)
    out = io.BytesIO()
    soundfile.write(out, sound, RATE, format="FLAC")
    return out.getvalue()


@dataclass
class Shop:
    """Where the packages are, and what was asked for."""

    archive: Path
    log: Path
    pieces: pd.DataFrame

    def requests(self) -> list[str]:
        """Return the packages asked for since the last call."""
        lines = self.log.read_text().split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line.partition("=")[0] for line in lines]

    def deb(self, name: str) -> Path:
        return self.archive / DebPackage(name, VERSION).file_name


def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Make two packages of four pieces each; the second has two of them in a zip archive."""
    archive, tables, programs = (tmp_path / name for name in ("archive", "tables", "bin"))
    for folder in (archive, tables, programs):
        folder.mkdir()
    pieces, packages = [], []
    for index, name in enumerate(("alpha", "beta")):
        tree = tmp_path / f"tree-{name}"
        music = tree / "usr/share/games" / name
        music.mkdir(parents=True)
        inner = {}
        for number in range(4 * index, 4 * index + 4):
            data = tone(number)
            packed = index == 1 and number % 4 > 1
            if packed:
                inner[f"music/{number}.flac"] = data
            else:
                (music / f"{number}.flac").write_bytes(data)
            pieces.append(
                {
                    "track_id": f"t{number}",
                    "title": f"Tone {number}",
                    "artist": f"Artist {number}, and friends",
                    "artist_group": f"a{number}",
                    "genre": ("ambient", "chiptune")[number % 2],
                    "licence": "CC0-1.0",
                    "mini": "train" if number < 6 else "",
                    "package": name,
                    "source_path": f"/usr/share/games/{name}/"
                    + ("data.zip" if packed else f"{number}.flac"),
                    "inner_path": f"music/{number}.flac" if packed else "",
                    "path": f"music/t{number}.flac",
                    "duration_s": "0.2",
                    "bytes": len(data),
                }
            )
            file = tmp_path / "piece"
            file.write_bytes(data)
            pieces[-1]["sha256"] = sha256_of(file)
        with zipfile.ZipFile(music / "data.zip", "w") as opened:
            for member, data in inner.items():
                opened.writestr(member, data)
        packages.append(_build(tree, name, archive))
    pd.DataFrame(pieces).to_csv(tables / "debian_tracks.csv", index=False)
    pd.DataFrame(packages).to_csv(tables / "debian_packages.csv", index=False)
    script = programs / "apt-get"
    script.write_text(APT.format(log=tmp_path / "log", archive=archive))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(debian, "TABLES", tables)
    return Shop(archive, tmp_path / "log", debian.read_pieces())


def _build(tree: Path, name: str, archive: Path) -> dict[str, object]:
    notice = tree / "usr/share/doc" / name / "copyright"
    notice.parent.mkdir(parents=True)
    notice.write_text(f"{name}: CC0-1.0\n")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {VERSION}\nArchitecture: all\n"
        "Maintainer: M <m@example.org>\nDescription: test\n"
    )
    deb = archive / DebPackage(name, VERSION).file_name
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb)]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(tree)
    return {
        "package": name,
        "version": VERSION,
        "architecture": "all",
        "source": name,
        "source_version": VERSION,
        "file": f"pool/main/{name[0]}/{name}/{name}_2.0-1_all.deb",
        "bytes": deb.stat().st_size,
        "sha256": sha256_of(deb),
        "notices": f"/usr/share/doc/{name}/copyright",
    }
