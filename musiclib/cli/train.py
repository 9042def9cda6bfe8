"""`musiclib train`: train a model, or go on with a training that was interrupted."""

from __future__ import annotations

import argparse
import difflib
import itertools
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.cli import (
    Subparsers,
    add_command,
    add_data_options,
    positive,
    positive_int,
    warn,
    whole,
)
from musiclib.errors import MusiclibError, TrainingError

if TYPE_CHECKING:
    from musiclib.datasets import Dataset

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("32-true", "bf16-mixed", "auto")
TABLES = "codec-tables"
# The recipes bring PyTorch, for which a wrong name must not wait.
_ON_MINI = """
    frequency-512 frequency-256 frequency-128 frequency-64 frequency-32
    frequency-128-masking frequency-128-gaussian wideband-64 rate-18-hour
    waveform-4 waveform-8 waveform-16 waveform-32
    waveform-8-l2 waveform-8-spectral waveform-8-log-spectral waveform-8-scratch
    codec-restorer-hour
"""
_ON_DEBIAN = """
    rate-6 rate-18 rate-50 rate-150 rate-18-linear rvq
    waveform-rate waveform-8-tiny waveform-8-critical filterbank learned-transform
    codec-restorer codec-restorer-128 codec-restorer-128-log codec-restorer-128-waveform
    codec-restorer-32
    pca-4 pca-8 pca-16 pca-32 pca-64
    shallow-4 shallow-8 shallow-16 shallow-32 shallow-64
    deep-4 deep-8 deep-16 deep-32 deep-64 deep-scratch-16 deep-scratch-64
    lstm-4 lstm-8 lstm-16 lstm-32 lstm-64 lstm-scratch-16 lstm-scratch-64
    vae-4 vae-8 vae-16 vae-32 vae-64 vae-scratch-16 vae-scratch-64
"""
DATASET_OF = {
    **dict.fromkeys(_ON_MINI.split(), "mini"),
    **dict.fromkeys((*_ON_DEBIAN.split(), TABLES), "debian"),
}
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
    parser = add_command(
        subparsers,
        "train",
        _train,
        "train an autoencoder",
        "Train an autoencoder on a data set, or go on with an interrupted training.",
        EPILOG,
    )
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
    parser.add_argument("--learning-rate", type=positive, metavar="RATE", help="largest one")
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
    if args.model not in DATASET_OF:
        near = difflib.get_close_matches(args.model, DATASET_OF, n=3)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise TrainingError(f"no model {args.model!r}; {hint}`musiclib train --list` shows all")
    out = args.out or Path("checkpoints") / args.model
    if out.is_dir() or out.name in ("", ".."):
        raise TrainingError(f"{out} is a folder. Name what to put into it: {out / args.model}")

    from musiclib.datasets import open_dataset

    name = args.dataset or DATASET_OF[args.model]
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning  # at once: a training takes its time
        dataset = open_dataset(name, args.data_root, args.seed, args.split)
        # Both take seconds to import PyTorch, so what can be refused has been refused before.
        return (_train_tables if args.model == TABLES else _train_model)(args, dataset, out)


def _train_model(args: argparse.Namespace, dataset: Dataset, out: Path) -> int:
    from musiclib.training.config import recipe

    model_config, train_config = recipe(args.model).configs(args.profile, args.seed)
    options = ("steps", "batch_size", "learning_rate", "precision")
    given = {name: vars(args)[name] for name in options if vars(args)[name] is not None}
    train_config = replace(train_config, **given)

    import torch

    from musiclib.training import fit, load, new_model
    from musiclib.training.paths import weights_path

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
            f"{weights_path(out)}: validation loss {best['loss']:.6g} at step "
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


def _train_tables(args: argparse.Namespace, dataset: Dataset, out: Path) -> int:
    """Train the tables, and those of a code that does not adapt, to compare with."""
    tables = out.with_name(f"{out.name}.npz")
    static = out.with_name(f"{out.name}-static.npz")
    if tables.exists() and not args.restart:
        raise TrainingError(f"{tables} is there; name another output, or replace it (--restart)")

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
