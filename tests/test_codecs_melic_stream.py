"""Files of any length: what is coded in pieces is what is coded at once, whoever does it."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from musiclib.audio import AudioWriter, load, probe, save
from musiclib.codecs.melic import analysis, bitstream, decode_file, describe, encode_file
from musiclib.codecs.melic.analysis import Overlap, blocks, frame_batches, resampled
from musiclib.codecs.melic.coding import decode, one_thread
from musiclib.errors import AudioFileError, BitstreamError, CodecError
from musiclib.mdct import imdct, mdct
from musiclib.metrics import bitrate_kbps
from tests.codec_signals import music
from tests.melic_fixture import RATE, codec, model


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 0.7 s, so that some seconds are a long piece."""
    for module in (analysis, bitstream):
        monkeypatch.setattr(module, "BLOCK_FRAMES", 64)


def pieces(audio, sizes):
    """Cut `(C, N)` into chunks whose lengths go round and round."""
    start, number = 0, 0
    while start < audio.shape[1]:
        size = sizes[number % len(sizes)]
        yield audio[:, start : start + size]
        start, number = start + size, number + 1


@pytest.mark.parametrize("n_samples", [1, 256, 16_384, 16_385, 40_000])
def test_frames_in_pieces_are_those_of_the_whole(n_samples, small_blocks):
    audio = np.random.default_rng(0).normal(size=(2, n_samples)).astype(np.float32)
    batches = list(frame_batches(pieces(audio, (100, 7, 5000))))
    assert all(batch.shape[1] == 64 for batch in batches[:-1])
    joined = np.concatenate(batches, axis=1)
    assert np.allclose(joined, mdct(audio), atol=1e-5)
    overlap = Overlap()
    back = np.concatenate([overlap.push(batch) for batch in batches], axis=1)
    assert np.allclose(back[:, :n_samples], audio, atol=1e-4)
    assert np.allclose(back[:, :n_samples], imdct(joined, n_samples), atol=1e-6)


def test_blocks_know_their_neighbours(small_blocks):
    audio = np.random.default_rng(0).normal(size=(1, 50_000)).astype(np.float32)
    found = list(blocks([audio]))
    own = np.concatenate([block.own for block in found], axis=1)
    assert np.allclose(own, mdct(audio), atol=1e-5)
    assert [block.before for block in found] == [0, 32, 32, 32]
    assert np.array_equal(found[1].coefficients[:, :32], found[0].own[:, -32:])
    assert np.array_equal(found[0].coefficients[:, 64:], found[1].own[:, :32])


@pytest.mark.parametrize(("before", "after"), [(44_100, 24_000), (24_000, 8_000), (24_000, 24_000)])
def test_resampling_in_pieces_keeps_the_length(before, after):
    audio = np.random.default_rng(0).normal(size=(2, 30_001)).astype(np.float32)
    whole = np.concatenate(list(resampled([audio], before, after)), axis=1)
    parts = np.concatenate(list(resampled(pieces(audio, (999, 1)), before, after)), axis=1)
    assert whole.shape == parts.shape == (2, round(30_001 * after / before))
    assert np.allclose(whole, parts, atol=1e-5)
    exact = np.concatenate(list(resampled([audio], before, after, 12_345)), axis=1)
    assert exact.shape == (2, 12_345)


@pytest.mark.parametrize(
    ("rate", "channels", "options"),
    [(RATE, 2, {"kbps": 12}), (44_100, 1, {"gain": 150})],
)
def test_a_file_is_coded_like_an_array(tmp_path, rate, channels, options):
    seconds = 2.0 if channels == 2 else 12.0  # files are read in pieces of 10 s
    audio = np.stack([music(seconds, rate, seed=c) for c in range(channels)])
    save(tmp_path / "in.wav", audio, rate, "FLOAT")
    told = []
    written = encode_file(
        tmp_path / "in.wav", tmp_path / "a.mlc", codec=codec(**options), progress=told.append
    )
    data = (tmp_path / "a.mlc").read_bytes()
    assert data == codec(**options).encode(audio, rate)
    assert (written.n_bytes, written.n_samples) == (len(data), audio.shape[1])
    assert told == sorted(told)
    assert told[-1] == 1.0

    decode_file(tmp_path / "a.mlc", tmp_path / "out.wav", codec=codec(), subtype="FLOAT")
    decoded = np.atleast_2d(codec().decode(data)[0])
    assert np.array_equal(load(tmp_path / "out.wav", mono=False)[0], decoded)
    decode_file(tmp_path / "a.mlc", tmp_path / "own.flac", codec=codec(), sample_rate=rate)
    own, own_rate = load(tmp_path / "own.flac", mono=False)
    assert (own.shape, own_rate) == (audio.shape, rate)


@pytest.mark.parametrize("kbps", [4, 24])
def test_a_long_piece_meets_its_budget(small_blocks, kbps):
    loud, faint = music(4.0), 0.05 * music(4.0, seed=1)
    audio = np.concatenate([loud, faint, loud[::-1]]).astype(np.float32)
    data = codec(kbps).encode(audio, RATE)
    assert describe(data).contents.n_blocks == 18
    assert 0.97 * kbps < bitrate_kbps(len(data), 12.0) <= kbps
    decoded, _ = codec().decode(data)
    assert len(decoded) == len(audio)
    # Few steps from coarsest to finest: no part is starved for another.
    contents = describe(data).contents
    assert contents.highest_gain - contents.lowest_gain < 40


def test_threads_and_processes_decode_the_same_bits(small_blocks, tmp_path):
    data = codec(gain=150).encode(np.stack([music(3.0), music(3.0, seed=1)]), RATE)
    one = codec().decode(data)[0]
    for threads in (2, 3):
        assert np.array_equal(codec(threads=threads).decode(data)[0], one)
    (tmp_path / "a.mlc").write_bytes(data)
    program = (
        "import sys, torch, numpy as np\n"
        "torch.set_num_threads(2)\n"
        "from musiclib.codecs.melic import analysis, bitstream\n"
        "analysis.BLOCK_FRAMES = bitstream.BLOCK_FRAMES = 64\n"
        "from tests.melic_fixture import codec\n"
        "np.save(sys.argv[2], codec(threads=2).decode(open(sys.argv[1], 'rb').read())[0])\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "a.mlc"), str(tmp_path / "b.npy")]
    subprocess.run(arguments, check=True, cwd=Path(__file__).parents[1])
    assert np.array_equal(np.load(tmp_path / "b.npy"), one)


def test_windows_see_what_the_whole_sees(small_blocks):
    """The network works on windows; with all of the clip in one window nothing changes."""
    data = codec(gain=150).encode(music(3.0), RATE)
    windowed, _ = codec().decode(data)
    spectra, levels = [], []
    reader = bitstream.Reader(io.BytesIO(data))
    from musiclib.codecs.melic.coding import _decoded

    for block in _decoded(reader, model()):
        spectra.append(block.spectra[0])
        levels.append(block.levels[0])
    names = ("coded", "noise", "scale", "values", "ratios")
    whole = type(spectra[0])(
        **{name: np.concatenate([getattr(part, name) for part in spectra]) for name in names}
    )
    with one_thread():
        repaired = model().restore(whole, np.concatenate(levels))
    assert np.allclose(imdct(repaired, len(windowed)), windowed, atol=1e-5)


def test_decoding_yields_as_it_goes(small_blocks):
    data = codec(gain=120).encode(music(3.0), RATE)
    reader = bitstream.Reader(io.BytesIO(data))
    reader.check()
    sizes = [piece.shape[1] for piece in decode(reader, model())]
    assert len(sizes) == 5
    assert max(sizes) <= 64 * 256
    assert sum(sizes) == 3 * RATE


def test_tags_travel(tmp_path):
    tags = {"title": "Näme", "artist": "Someone", "license": "CC0", "track": "3", "comment": "x"}
    with AudioWriter(tmp_path / "in.flac", RATE, 1, tags=tags) as writer:
        writer.write(music(1.0)[None])
    encode_file(tmp_path / "in.flac", tmp_path / "a.mlc", 24, codec=codec())
    assert describe((tmp_path / "a.mlc").read_bytes()).header.tags == tags
    decode_file(tmp_path / "a.mlc", tmp_path / "out.flac", codec=codec())
    found = probe(tmp_path / "out.flac").tags
    assert {key: found[key] for key in ("title", "artist", "track", "comment")} == {
        key: tags[key] for key in ("title", "artist", "track", "comment")
    }
    decode_file(tmp_path / "a.mlc", tmp_path / "out.ogg", codec=codec())
    assert probe(tmp_path / "out.ogg").tags["title"] == "Näme"


def test_what_cannot_be_coded_leaves_nothing(tmp_path):
    save(tmp_path / "six.wav", np.zeros((6, 1000), np.float32), RATE)
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "cut.mlc").write_bytes(codec(gain=100).encode(music(1.0), RATE)[:-20])
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "out.mlc"
    for source, error, words in (
        ("six.wav", CodecError, "6 channels"),
        ("text.wav", AudioFileError, "text.wav"),
        ("none.wav", AudioFileError, "none.wav"),
    ):
        with pytest.raises(error, match=words):
            encode_file(tmp_path / source, out, 6, codec=codec())
    with pytest.raises(BitstreamError, match=r"cut\.mlc: .*truncated"):
        decode_file(tmp_path / "cut.mlc", tmp_path / "out.wav", codec=codec())
    with pytest.raises(AudioFileError, match="cannot be read"):
        decode_file(tmp_path / "none.mlc", tmp_path / "out.wav", codec=codec())
    assert sorted(tmp_path.iterdir()) == before
    encode_file(tmp_path / "six.wav", out, 600, codec=codec(), mono=True)
    assert describe(out.read_bytes()).header.channels == 1
