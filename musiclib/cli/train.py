"""`musiclib train`: train a model, or go on with a training that was interrupted."""

from __future__ import annotations

import argparse
import itertools
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path

from musiclib.cli import Subparsers, add_data_options, positive_int, warn, whole
from musiclib.errors import MusiclibError, TrainingError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("32-true", "bf16-mixed", "auto")
TABLES = "codec-tables"
# Segments and their length in seconds. A second of audio takes about 20 ms: minutes in all, so
# there is nothing to resume.
SEGMENTS = {"smoke": (4, 1.0), "mini": (300, 8.0), "retrain": (300, 8.0)}
EPILOG = """\
Two checkpoints are kept, each with a .json file that tells its history: OUT.safetensors has the
lowest validation loss, OUT.last.safetensors is what the same command goes on from after an
interruption. On the same machine, the end is the same as without the interruption.

Several processes share each batch under torchrun:
  torchrun --nproc-per-node 2 -m musiclib.cli.main train frequency-64 --out checkpoints/f64

On glibc, big tensors are handed back to the system and cleared again at every step. These settings
keep them, and make some models faster on processors (benchmarks/bench_training.py measures it):
  MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456 musiclib train ...

example: musiclib train frequency-64 --dataset folder --data-root ~/Music --profile smoke
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "train",
        help="train an autoencoder",
        description="Train an autoencoder on a data set, or go on with an interrupted training.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_train)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a name that --list shows")
    parser.add_argument(
        "--list", action="store_true", help="list the models and their data sets, and stop"
    )
    add_data_options(parser)
    parser.add_argument(
        "--split", metavar="NAME", help="of debian: apart, or fold-1 to fold-5 (default: official)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER/NAME", help="default: checkpoints/MODEL"
    )
    parser.add_argument("--steps", type=whole, metavar="N", help="instead of the profile's")
    parser.add_argument("--batch-size", type=positive_int, metavar="N", help="segments a step")
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help="largest one")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: the profile's")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="default: auto")
    parser.add_argument("--threads", type=positive_int, metavar="N", help="of the processor")
    parser.add_argument(
        "--restart", action="store_true", help="start again and replace what is there"
    )


def _train(args: argparse.Namespace) -> int:
    if args.list:
        return _list()
    if args.model is None:
        raise MusiclibError("Name a model; `musiclib train --list` shows all.")
    from musiclib.training.config import CORPUS, recipe

    if args.model == TABLES:
        args.dataset = args.dataset or CORPUS
        return _train_tables(args)
    args.dataset = args.dataset or recipe(args.model).dataset
    model_config, train_config = recipe(args.model).configs(args.profile, args.seed)
    options = ("steps", "batch_size", "learning_rate", "precision")
    given = {name: vars(args)[name] for name in options if vars(args)[name] is not None}
    train_config = replace(train_config, **given)
    out = args.out or Path("checkpoints") / args.model
    if out.is_dir() or out.name in ("", ".."):
        raise TrainingError(f"{out} is a folder. Name what to put into it: {out / args.model}")

    from musiclib.datasets import open_dataset

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning  # at once: a training takes its time
        dataset = open_dataset(args.dataset, args.data_root, args.seed, args.split)
        # The loop takes seconds to import, so what can be refused has been refused before.
        import torch

        from musiclib.training import checkpoint, fit, load, new_model

        if args.threads is not None:
            torch.set_num_threads(args.threads)
        model = new_model(model_config, args.seed)
        history = fit(
            model, dataset, train_config, out, resume=not args.restart, accelerator=args.device
        )
    best = history.best
    if best is not None and os.environ.get("RANK", "0") == "0":
        wall_time = load(out).record["wall_time_s"]
        print(
            f"{checkpoint.weights_path(out)}: validation loss {best['loss']:.6g} at step "
            f"{best['step']} of {train_config.steps}, {wall_time:.1f} s"
        )
    return 0


def _show_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    if issubclass(category, UserWarning):
        warn(message)


def _list() -> int:
    from musiclib.training.config import CORPUS, RECIPES

    rows = [(name, item.dataset, item.description) for name, item in RECIPES.items()]
    rows.append((TABLES, CORPUS, "what the codec's entropy coder knows beforehand"))
    width = max(len(name) for name, *_ in rows)
    for name, dataset, description in rows:
        print(f"{name:<{width}}  {dataset:<6}  {description}")
    return 0


def _train_tables(args: argparse.Namespace) -> int:
    """Train the tables, and those of a code that does not adapt, to compare with."""
    out: Path = args.out or Path("checkpoints") / TABLES
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
    from musiclib.training.data import SegmentLoader

    started = time.perf_counter()
    music = SegmentLoader.open(dataset, HOUSE_RATE)
    count, seconds = SEGMENTS[args.profile]
    count = count if args.steps is None else args.steps
    batches = random_segments(music.train, music.cache, seconds, 1, args.seed)
    with tqdm(total=count, disable=None, unit="segment", desc=TABLES) as bar:
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
