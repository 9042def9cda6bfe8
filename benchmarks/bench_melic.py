"""How fast Melic is, beside others in the same run, and its memory for an hour.

All codecs take turns on the same clips, several rounds over, so that their ratios are comparable;
the median of the rounds is shown. One thread each; Melic also with two.

EnCodec (Defossez et al., "High fidelity neural audio compression", 2022) is here as a network of
the published size for 24 kHz: 32 channels, strides 2, 4, 5 and 8, two layers of LSTM, 8 codebooks
of 1,024 (6 kbps). Its weights are random, which does not change its speed; its codes are not
packed into bytes, which would only take more time.

    python benchmarks/bench_melic.py                        # some minutes
    python benchmarks/bench_melic.py --clips 2 --rounds 1   # a quick look
    python benchmarks/bench_melic.py --minutes 60           # peak memory of an hour of stereo
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from musiclib.audio import AudioWriter
from musiclib.codecs import get_codec
from musiclib.codecs.melic import MelicCodec, decode_file, encode_file
from musiclib.datasets import Clip, open_dataset

RATE = 24_000
Action = Callable[[Clip], object]


class Residual(nn.Module):
    """Two convolutions with a shortcut, as between EnCodec's strides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ELU(),
            nn.Conv1d(width, width // 2, 3, padding=1),
            nn.ELU(),
            nn.Conv1d(width // 2, width, 1),
        )
        self.shortcut = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T)` to the same shape."""
        return self.shortcut(x) + self.layers(x)


class Recurrent(nn.Module):
    """Two layers of LSTM with a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T)` to the same shape."""
        return x + self.lstm(x.transpose(1, 2))[0].transpose(1, 2)


class EnCodecLike(nn.Module):
    """Encoder, residual vector quantiser and decoder of EnCodec's size, not trained."""

    def __init__(self, strides: tuple[int, ...] = (2, 4, 5, 8), books: int = 8) -> None:
        super().__init__()
        width, size = 32, 128
        down: list[nn.Module] = [nn.Conv1d(1, width, 7, padding=3)]
        for stride in strides:
            down += [Residual(width), nn.ELU()]
            down += [nn.Conv1d(width, 2 * width, 2 * stride, stride, padding=stride // 2)]
            width *= 2
        down += [Recurrent(width), nn.ELU(), nn.Conv1d(width, size, 7, padding=3)]
        up: list[nn.Module] = [nn.Conv1d(size, width, 7, padding=3), Recurrent(width)]
        for stride in reversed(strides):
            up += [nn.ELU(), nn.ConvTranspose1d(width, width // 2, 2 * stride, stride)]
            width //= 2
            up += [Residual(width)]
        up += [nn.ELU(), nn.Conv1d(width, 1, 7, padding=3)]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)
        self.books = nn.Parameter(torch.randn(books, 1024, size))

    def encode(self, audio: Tensor) -> Tensor:
        """Codes `(books, T)` of samples `(N,)`."""
        rest, codes = self.encoder(audio[None, None])[0].T, []
        for book in self.books:
            nearest = (book.square().sum(1) - 2.0 * rest @ book.T).argmin(1)
            rest = rest - book[nearest]
            codes.append(nearest)
        return torch.stack(codes)

    def decode(self, codes: Tensor) -> Tensor:
        """Samples of codes `(books, T)`."""
        latent = sum(book[code] for book, code in zip(self.books, codes, strict=True))
        return self.decoder(latent.T[None])


def pairs() -> dict[str, tuple[Action, Callable[[object], object]]]:
    """Encoder and decoder of everything that is compared."""
    network = EnCodecLike().eval()
    codecs = {
        "Melic 6 kbps": MelicCodec(6),
        "Melic 16 kbps": MelicCodec(16),
        "Melic 6 kbps, 2 threads": MelicCodec(6, threads=2),
        "Melic 6 kbps, no network": MelicCodec(6, restore=False),
        "MP3 64 kbps": get_codec("mp3", 64),
        "AAC 64 kbps": get_codec("aac", 64),
        "Opus 12 kbps": get_codec("opus", 12),
        "Vorbis 48 kbps": get_codec("vorbis", 48),
    }
    found: dict[str, tuple[Action, Callable[[object], object]]] = {
        name: (lambda clip, c=codec: c.encode(clip.audio, clip.sample_rate), codec.decode)
        for name, codec in codecs.items()
    }
    found["EnCodec's size, 6 kbps"] = (
        lambda clip: network.encode(torch.from_numpy(np.array(clip.audio))),
        network.decode,
    )
    return found


def speeds(clips: list[Clip], rounds: int) -> None:
    """Measure and print the table of speeds."""
    torch.set_num_threads(1)
    total = sum(clip.seconds for clip in clips)
    times: dict[str, tuple[list[float], list[float]]] = {}
    compared = pairs()
    with torch.inference_mode():
        for encode, decode in compared.values():  # once, untimed: libraries load, code is compiled
            decode(encode(clips[0]))
        for _ in range(rounds):
            for name, (encode, decode) in compared.items():
                start = time.perf_counter()
                coded = [encode(clip) for clip in clips]
                middle = time.perf_counter()
                for data in coded:
                    decode(data)
                end = time.perf_counter()
                taken = times.setdefault(name, ([], []))
                taken[0].append(middle - start)
                taken[1].append(end - middle)
    print(f"{len(clips)} clips, {total:.0f} s at {RATE} Hz, {rounds} rounds; times real time")
    print(f"{'codec':<30}{'encode':>9}{'decode':>9}{'both':>9}{'ratio':>9}")
    both = {name: sum(map(statistics.median, pair)) for name, pair in times.items()}
    first = next(iter(both.values()))
    for name, pair in times.items():
        encoding, decoding = map(statistics.median, pair)
        print(
            f"{name:<30}{total / encoding:>9.1f}{total / decoding:>9.1f}{total / both[name]:>9.1f}"
            f"{first / both[name]:>9.2f}"
        )


def memory(minutes: float) -> None:
    """Measure the memory of long stereo, encoding and decoding in a process of its own each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clips = [clip.audio for clip in open_dataset("mini").part("test").clips(RATE, limit=24)]
        with AudioWriter(folder / "long.flac", RATE, 2) as writer:
            number = 0
            while writer.n_samples < minutes * 60 * RATE:
                left, right = (clips[(number * k + k) % len(clips)] for k in (1, 5))
                n = min(len(left), len(right))
                writer.write(np.stack([0.7 * left[:n] + 0.2 * right[:n], 0.5 * right[:n]]))
                number += 1
        for job in ("encode", "decode"):
            command = [sys.executable, __file__, "--job", job, "--folder", scratch]
            print(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout, end=""
            )


def job(name: str, folder: Path) -> None:
    """Encode or decode the long file; print time and memory."""
    start = time.perf_counter()
    if name == "encode":
        result = encode_file(folder / "long.flac", folder / "long.mlc", MelicCodec(12))
    else:
        result = decode_file(folder / "long.mlc", folder / "back.wav", codec=MelicCodec(threads=2))
    taken = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = result.seconds
    print(
        f"{name}: {seconds / 60:.1f} minutes of stereo, {8 * result.n_bytes / seconds / 1000:.3f} "
        f"kbps, {seconds / taken:.1f} times real time, peak memory {peak:.0f} MiB"
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, help="memory of so much stereo, no speeds")
    parser.add_argument("--job", choices=("encode", "decode"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        job(args.job, args.folder)
    elif args.minutes:
        memory(args.minutes)
    else:
        clips = open_dataset("mini").part("test").clips(RATE, duration_s=10.0, limit=args.clips)
        speeds(list(clips), args.rounds)


if __name__ == "__main__":
    main()
