"""What it takes to learn and guess genre: one run of each kind of system, beside each other.

The columns are seconds for the sequences of all tracks, seconds for one run (learning from its
training tracks, guessing the others), and the latter as a ratio to the network on log-mel spectra.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import psutil

from musiclib.datasets import open_dataset
from musiclib.genre import System, runs, scored_genres
from musiclib.studies.genre.systems import MEL_CNN, book_systems


def measure(system: System, dataset, run) -> tuple[float, float]:
    """Return seconds for what a system reads, and for one run of it."""
    start = time.perf_counter()
    system.sources(dataset)
    read = time.perf_counter()
    system.learn_and_guess(dataset, run)
    return read - start, time.perf_counter() - read


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MUSICLIB_CACHE"] = folder
        whole = open_dataset("mini")
        dataset = whole.select(genres=scored_genres(whole.tracks))
        run = runs(dataset.tracks)[0]
        for rate in (8_000, 24_000):
            dataset.cache(rate)
        seconds = {s.name: measure(s, dataset, run) for s in book_systems(whole)}
    base = seconds[MEL_CNN][1]
    print(f"{'system':38} {'sequences':>9} {'one run':>8} {'ratio':>6}")
    for name, (read, learned) in seconds.items():
        print(f"{name:38} {read:8.1f}s {learned:7.1f}s {learned / base:6.2f}")
    peak = psutil.Process().memory_info().rss / 2**20
    print(f"\n{len(dataset)} tracks, {args.threads} thread(s), {peak:.0f} MiB at the end")


if __name__ == "__main__":
    main()
