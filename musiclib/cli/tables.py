"""`musiclib train codec-tables`: what Melic's entropy coder knows beforehand."""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

from musiclib.errors import TrainingError

NAME = "codec-tables"
DESCRIPTION = "what the codec's entropy coder knows beforehand"
# Segments and their length in seconds. A second of audio takes about 20 ms: minutes in all, so
# there is nothing to resume.
SEGMENTS = {"smoke": (4, 1.0), "mini": (300, 8.0), "retrain": (300, 8.0)}


def train_tables(args: argparse.Namespace) -> int:
    """Train the tables, and those of a code that does not adapt, to compare with."""
    out: Path = args.out or Path("checkpoints") / NAME
    tables = out.with_name(f"{out.name}.npz")
    static = out.with_name(f"{out.name}-static.npz")
    if tables.exists() and not args.restart:
        raise TrainingError(f"{tables} is there; name another output, or replace it (--restart)")

    from musiclib.datasets import open_dataset

    dataset = open_dataset(args.dataset, args.data_root, args.seed, args.split)

    from tqdm import tqdm

    from musiclib.audio import HOUSE_RATE
    from musiclib.codecs.melic.entropy import train_tables
    from musiclib.datasets import random_segments
    from musiclib.training.data import Music

    started = time.perf_counter()
    music = Music.open(dataset, HOUSE_RATE)
    count, seconds = SEGMENTS[args.profile]
    count = count if args.steps is None else args.steps
    batches = random_segments(music.train, music.cache, seconds, 1, args.seed)
    with tqdm(total=count, disable=None, unit="segment", desc=NAME) as bar:
        found = train_tables(
            (batch.audio for batch in itertools.islice(batches, count)),
            args.seed,
            progress=lambda _: bar.update(),
            about={"data": music.fingerprint()},
        )
    tables.parent.mkdir(parents=True, exist_ok=True)
    found.static.save(static)
    found.tables.save(tables)
    record = found.tables.record
    print(
        f"{tables}: {record['kilobits']:.0f} kbit for {record['seconds']:.0f} s of music, "
        f"{time.perf_counter() - started:.0f} s"
    )
    return 0
