"""How fast codecs encode and decode, as ratios to MP3 at 64 kbps in the same run.

Seconds of audio coded in a second depend on the machine and on what else it does. All codecs take
turns on the same clips, several rounds over, so that their ratios are comparable; the median of
the rounds is shown. One thread each.

    python benchmarks/bench_codecs.py                        # about a minute
    python benchmarks/bench_codecs.py --clips 2 --rounds 1   # a quick look
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from musiclib.codecs import AutoencoderCodec, Codec, get_codec
from musiclib.datasets import Clip, open_dataset
from musiclib.training import load, shipped_folder

MODELS = {"wideband-64": -14, "waveform-8": -14, "pca-16": -14, "deep-64": -14}
FILE_CODECS: list[Codec] = [
    get_codec("mp3", 64),
    get_codec("mp3", 16),
    get_codec("aac", 64),
    get_codec("aac", 16),
    get_codec("opus", 64),
    get_codec("opus", 24),
    get_codec("opus", 6),
    get_codec("vorbis", quality=0.5),
    get_codec("vorbis", 64),
    get_codec("downsample", factor=4),
]


LADDER = (-22, -18, -14, -10, -6)


def seconds_taken(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def ladder_times(name: str, clips: list[Clip], rounds: int) -> tuple[float, float, float]:
    """Seconds for coding clips at all steps of a ladder, and at a bitrate; medians of the rounds.

    Returns:
        Step by step, so that other clips come between; clip by clip, where the model encodes each
        clip once; and with the step searched for 8 kbps.
    """
    checkpoint = load(shipped_folder() / name)
    codecs = [AutoencoderCodec(checkpoint, step=step) for step in LADDER]
    wanted = AutoencoderCodec(checkpoint, kbps=8.0)
    orders = (
        [(codec, clip) for codec in codecs for clip in clips],
        [(codec, clip) for clip in clips for codec in codecs],
        [(wanted, clip) for clip in clips],
    )
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(rounds):
        for order, taken in zip(orders, times, strict=True):
            taken.append(
                seconds_taken(
                    lambda pairs=order: [c.encode(x.audio, x.sample_rate) for c, x in pairs]
                )
            )
    step_by_step, clip_by_clip, searched = (statistics.median(taken) for taken in times)
    return step_by_step, clip_by_clip, searched


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mini")
    parser.add_argument("--data-root")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    clips = list(open_dataset(args.dataset, args.data_root).part("test").clips(limit=args.clips))
    total = sum(clip.seconds for clip in clips)

    torch.set_num_threads(1)
    codecs = FILE_CODECS + [
        get_codec("autoencoder", checkpoint=load(shipped_folder() / name), step=step)
        for name, step in MODELS.items()
    ]
    times: dict[str, tuple[list[float], list[float]]] = {c.label: ([], []) for c in codecs}
    for codec in codecs:  # once, untimed: libraries load and caches fill
        codec.decode(codec.encode(clips[0].audio, clips[0].sample_rate))
    for _ in range(args.rounds):
        for codec in codecs:
            encoded: list[bytes] = []
            encoding = seconds_taken(
                lambda c=codec, e=encoded: e.extend(c.encode(x.audio, x.sample_rate) for x in clips)
            )
            decoding = seconds_taken(lambda c=codec, e=encoded: [c.decode(data) for data in e])
            times[codec.label][0].append(encoding)
            times[codec.label][1].append(decoding)

    print(f"{len(clips)} clips, {total:.0f} s at {clips[0].sample_rate} Hz, {args.rounds} rounds")
    print(f"{'codec':<32}{'encode':>10}{'ratio':>8}{'decode':>10}{'ratio':>8}   (s of audio a s)")
    base = [statistics.median(values) for values in times[codecs[0].label]]
    for label, both in times.items():
        encoding, decoding = (statistics.median(values) for values in both)
        print(
            f"{label:<32}{total / encoding:>10.0f}{base[0] / encoding:>8.2f}"
            f"{total / decoding:>10.0f}{base[1] / decoding:>8.2f}"
        )
    if len(clips) > 1:
        print(
            f"\nEncoding, as ratios to one step: the same clip at {len(LADDER)} steps, and a search"
        )
        print(f"{'model':<32}{f'{len(LADDER)} steps':>10}{'8 kbps':>10}")
        for name in MODELS:
            apart, together, searched = ladder_times(name, clips, args.rounds)
            alone = apart / len(LADDER)
            print(f"{name:<32}{together / alone:>10.2f}{searched / alone:>10.2f}")


if __name__ == "__main__":
    main()
