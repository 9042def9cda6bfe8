"""Compare trained models with the shipped ones on the test clips.

    python scripts/compare_checkpoints.py build/checkpoints

For each model that both folders have, the table shows the mean over artists of the measure that
its family is judged by, with its 95 % interval, and whether the other model's mean lies within it.
The exit status is 1 if one does not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from musiclib.datasets import open_dataset
from musiclib.errors import MusiclibError
from musiclib.metrics import si_sdr
from musiclib.models import Autoencoder
from musiclib.stats import mean_interval
from musiclib.training import load, trained
from musiclib.training.config import RECIPES


def measured(model: Autoencoder, clip: torch.Tensor) -> float:
    """Return SI-SDR in dB of a waveform model, else the error of spectrograms in dB or nepers."""
    with torch.no_grad():
        if model.domain == "waveform":
            audio, gain = model.peak_normalize(clip)
            output = model(model.inputs(audio)).output[:, 0] / gain
            return si_sdr(clip[0].numpy(), output[0].numpy())
        terms = model.evaluation_step(clip).terms
    return float(terms["rmse_db"] if "rmse_db" in terms else terms["spectral_rmse"])


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="checkpoints to compare with the shipped ones")
    parser.add_argument("--models", nargs="+", choices=list(RECIPES), metavar="MODEL")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each test clip")
    args = parser.parse_args()
    names = args.models or [
        name for name in RECIPES if (args.folder / f"{name}.safetensors").is_file()
    ]
    if not names:
        print(f"{args.folder} holds no checkpoint; run `make checkpoints`", file=sys.stderr)
        return 1
    dataset = open_dataset("mini")
    test = dataset.part("test")
    outside = 0
    for name in names:
        both = [trained(name, dataset).build(), load(args.folder / name).build()]
        rate = both[0].config.sample_rate
        clips = list(test.clips(rate, duration_s=args.seconds))
        artists = [clip.unit for clip in clips]
        sounds = [torch.from_numpy(clip.audio)[None] for clip in clips]
        old, new = (
            mean_interval([measured(model, sound) for sound in sounds], artists) for model in both
        )
        within = old.low <= new.mean <= old.high
        outside += not within
        print(
            f"{name:24} {format(old, '.3f'):28} {new.mean:8.3f}  "
            f"{'within' if within else 'OUTSIDE'}"
        )
    return 1 if outside else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MusiclibError as problem:
        print(f"compare_checkpoints: {problem}", file=sys.stderr)
        sys.exit(1)
