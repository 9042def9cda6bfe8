"""What becomes of damaged `.mlc` files: how many are refused, how long it takes, how much memory.

Each file is a copy of one of a few coded clips (mono, stereo, of several blocks, with tags) that
was flipped, cut, spliced, overwritten, given absurd lengths, or changed by someone who also
repaired all checksums. It must be refused with a `BitstreamError` or decode to finite samples;
anything else is printed and makes the exit code 1. The same seed damages the same.

    python benchmarks/bench_damage.py                  # 100,000 files, half an hour
    python benchmarks/bench_damage.py --files 2000     # a quick look
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from musiclib.codecs.melic import MelicCodec
from musiclib.errors import BitstreamError
from tests.codec_signals import music
from tests.melic_damage import KINDS, damaged
from tests.melic_fixture import codec as small_codec

RATE = 24_000
WEIGHTS = {"repaired": 0.02}


def originals(make: MelicCodec) -> list[bytes]:
    """Code the clips that are to be damaged."""
    pair = np.stack([music(0.5), music(0.5, seed=1)])
    finer = type(make)(gain=150, model=make.model)
    return [
        finer.encode(music(0.5), RATE, {"title": "A song", "comment": "and a comment"}),
        finer.encode(pair, RATE),
        type(make)(gain=230, model=make.model).encode(music(23.0), RATE),
        type(make)(gain=170, model=make.model, restore=False).encode(music(0.2), RATE),
    ]


def memory_mib() -> float:
    """Largest resident memory so far in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Damage, decode, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shipped", action="store_true", help="the shipped model, not a small one")
    args = parser.parse_args()
    codec = MelicCodec() if args.shipped else small_codec()
    streams = originals(codec)
    for stream in streams:
        codec.decode(stream)
    before = memory_mib()
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    slowest: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    rng = np.random.default_rng(args.seed)
    weights = np.array([WEIGHTS.get(kind, (1.0 - 0.02) / (len(KINDS) - 1)) for kind in KINDS])
    failures = 0
    for number in range(args.files):
        kind = str(rng.choice(KINDS, p=weights / weights.sum()))
        # Hostile files are made of the short ones: a long one takes its time when nothing is wrong.
        data = damaged(kind, streams[:2] if kind == "repaired" else streams, rng)
        start = time.perf_counter()
        try:
            audio, _ = codec.decode(data)
            outcome = "decoded" if np.isfinite(audio).all() else "not finite"
        except BitstreamError:
            outcome = "refused"
        except Exception as error:
            outcome = type(error).__name__
        taken = time.perf_counter() - start
        slowest[kind] = max(slowest[kind], taken)
        outcomes[kind][outcome] += 1
        if outcome not in ("decoded", "refused"):
            failures += 1
            print(f"file {number} ({kind}): {outcome}", file=sys.stderr)
    print(f"{args.files} files, seed {args.seed}")
    print(f"{'kind':<10}{'files':>8}{'refused':>9}{'decoded':>9}{'failed':>8}{'slowest ms':>12}")
    for kind, found in outcomes.items():
        total = found.total()
        other = total - found["refused"] - found["decoded"]
        print(
            f"{kind:<10}{total:>8}{found['refused']:>9}{found['decoded']:>9}{other:>8}"
            f"{1000 * slowest[kind]:>12.1f}"
        )
    print(f"peak memory {memory_mib():.0f} MiB, {memory_mib() - before:.0f} more than before")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
