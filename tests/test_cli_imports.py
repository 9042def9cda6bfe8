"""What is told or refused does not wait for libraries that take seconds to import."""

import subprocess
import sys
from pathlib import Path

import pytest

from musiclib.codecs.latent import bitstream
from musiclib.training import find_shipped

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "pandas", "scipy", "numba", "librosa", "sklearn", "matplotlib", "sphinx")
TOLD = """
--help
train --help
data list
info song.flac
info song.mlc
info song.mla
"""
REFUSED = {
    "encode": """
        encode
        encode song.flac out.mp3 --sing
        encode no.wav out.mlc --kbps 3
        encode text.mp3 out.mlc --kbps 3
        encode song.flac out.xyz --kbps 12
        encode song.flac text.mp3 --kbps 32
        encode song.flac out.mlc
        encode song.flac out.mlc --gain 300
        encode song.flac out.mlc --kbps 8 --checkpoints empty
        encode song.flac out.mla --model cake --kbps 3
        encode song.flac out.mla --model rate-18 --step 99
        encode song.flac out.mla --model rate-18 --quality 0.5
        encode empty out --codec autoencoder --model rate-18 --kbps 3
    """,
    "decode": """
        decode no.mlc out.wav
        decode text.mp3 out.wav
        decode cut.mlc out.wav
        decode cut.mla out.wav
        decode song.mla out.wav --checkpoints empty
        decode song.mlc out.wav --checkpoints empty
        decode song.mlc out.mp3
        decode empty out
    """,
    "info": """
        info no.mp3
        info text.mp3
        info cut.mlc
        info cut.mla
        info song.mla --checkpoints empty
    """,
    "train": """
        train
        train cake
        train frequency-65
        train frequency-64 --learning-rate -1
        train frequency-64 --data-root no
        train frequency-64 --split cake
        train frequency-64 --out empty
        train rate-18 --data-root no
        train codec-tables --dataset folder --data-root empty
    """,
    "evaluate": """
        evaluate
        evaluate no.wav
        evaluate song.flac --codecs cake:3
        evaluate song.flac --codecs opus:1
        evaluate song.flac --codecs autoencoder/cake:3
        evaluate song.flac --metrics cake
        evaluate --dataset folder --data-root no
    """,
    "evidence": """
        evidence list cake
        evidence measure cake
        evidence verify cake
        evidence list --folder empty
    """,
    "genre": """
        genre --out text.mp3
        genre --dataset folder --data-root no
        genre --dataset folder --data-root empty
        genre --dataset fma_small --data-root no
    """,
    "data": """
        data list cake
        data list folder
        data list mini --root no
        data list mini --split cake
        data cache folder --root empty
        data check debian --root no
        data download debian --root no --delete-archives
        data download fma_small --root no --packages empty
    """,
    "book": """
        book build --only no-such-chapter
        book run --source ROOT --dataset folder --data-root no
        book check no
        book serve empty
        book launch --repository-url here --out out --source empty
        book clean-notebooks no
    """,
}


@pytest.fixture
def files(tmp_path):
    """A folder with coded files, whole and cut, and with a file that is no audio."""
    coded = ROOT / "tests" / "data" / "melic" / "stereo-24kbps"
    (tmp_path / "song.flac").write_bytes(coded.with_suffix(".flac").read_bytes())
    (tmp_path / "song.mlc").write_bytes(coded.with_suffix(".mlc").read_bytes())
    record = find_shipped("rate-18.json").read_text(encoding="utf-8")
    _, _, digest = record.partition('"tensors_sha256": "')
    model_id = bytes.fromhex(digest[: 2 * bitstream.ID_BYTES])
    silence = bitstream.Contents(model_id, 24_000, 0, (bitstream.SILENT,), (b"",))
    (tmp_path / "song.mla").write_bytes(bitstream.pack(silence))
    for kind in ("mlc", "mla"):
        data = (tmp_path / f"song.{kind}").read_bytes()
        (tmp_path / f"cut.{kind}").write_bytes(data[:-3])
    (tmp_path / "text.mp3").write_text("no audio")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "codes"),
    [(TOLD, {0}), *((lines, {2}) for lines in REFUSED.values())],
    ids=["told", *REFUSED],
)
def test_no_heavy_library_is_imported(files, lines, codes):
    calls = [line.replace("ROOT", str(ROOT)).split() for line in lines.strip().splitlines()]
    script = f"""
import os, sys
from musiclib.cli.main import main
os.chdir({str(files)!r})
for call in {calls}:
    assert main(call) in {codes}, call
    assert not sys.modules.keys() & set({HEAVY}), call
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not list(files.glob("out*"))
