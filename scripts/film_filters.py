"""Film the filters of the linear filterbank while they learn.

    python scripts/film_filters.py --data-root build/data --out checkpoints/filterbank-film.npz

The training of the recipe `filterbank` is repeated with the same seed, and its filters are kept
before the first step and after steps of growing distance: those that carry bits at the end, and a
few of the silent ones. On the machine that trained the shipped model the last picture is that
model; the last line says whether it was.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from musiclib.datasets import open_dataset
from musiclib.files import replace_file
from musiclib.models import FilterbankAutoencoder, Model
from musiclib.training import find_shipped, fit, load, new_model
from musiclib.training.config import recipe
from musiclib.training.data import SegmentLoader

NAME = "filterbank"
PICTURES = 24
FIRST = 10  # the first step that is kept after the start
SILENT = 5
LEAST_SHARE = 0.01  # of all bits, for a filter that carries any


def main() -> None:
    """Train, choose filters, and write the film."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="film to write, NPZ")
    parser.add_argument("--data-root", help="folder of the corpus")
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    item = recipe(NAME)
    model_config, train_config = item.configs("mini", item.training.seed)
    dataset = open_dataset(item.dataset, options.data_root)
    steps = np.geomspace(FIRST, train_config.steps, PICTURES - 1).round().astype(int)
    steps = np.concatenate([[0], steps])
    model = new_model(model_config, train_config.seed)
    assert isinstance(model, FilterbankAutoencoder)
    kept = Keeper(model, set(steps.tolist()))
    with tempfile.TemporaryDirectory() as folder:
        fit(model, dataset, train_config, Path(folder) / NAME, progress=False)
    kept.keep()  # after the last step
    batches = list(
        SegmentLoader.open(dataset, model_config.sample_rate).validation_batches(train_config)
    )
    rows = [measured(model, weights, batches) for weights in kept.weights]
    bits = np.stack([row[0] for row in rows])
    loud = np.argsort(-bits[-1])
    used = int((bits[-1] > LEAST_SHARE * bits[-1].sum()).sum())
    silent = loud[used:]
    chosen = np.concatenate([loud[:used], silent[:: max(1, len(silent) // SILENT)][:SILENT]])
    filters = torch.stack([weights["analysis.weight"][:, 0] for weights in kept.weights]).numpy()
    with io.BytesIO() as stream:
        np.savez_compressed(
            stream,
            steps=steps.astype(np.int32),
            chosen=chosen.astype(np.int16),
            filters=filters[:, chosen].astype(np.float16),
            bits_per_second=bits[:, chosen].astype(np.float32),
            kbps=np.array([row[1]["kbps"] for row in rows], np.float32),
            noise_to_signal_db=np.array([row[1]["noise"] for row in rows], np.float32),
        )
        replace_file(options.out, stream.getvalue())
    shipped = find_shipped(f"{NAME}.safetensors")
    same = shipped is not None and torch.equal(filters_of(load(shipped).build()), filters_of(model))
    print(f"{len(steps)} pictures of {len(chosen)} filters, {used} of them with bits;", end=" ")
    print(f"{options.out.stat().st_size:,} bytes; ends as the shipped model: {same}")


def filters_of(model: Model) -> Tensor:
    """Return the filters of a filterbank, `(filters, kernel)`, as checkpoints keep them."""
    assert isinstance(model, FilterbankAutoencoder)
    return model.analysis_filters().half()


class Keeper:
    """Copies of a model's weights, taken before chosen steps of its training."""

    def __init__(self, model: FilterbankAutoencoder, steps: set[int]) -> None:
        self.weights: list[dict[str, Tensor]] = []
        self._model, self._steps, self._made = model, steps, 0
        self._step = model.training_step
        model.training_step = self  # type: ignore[assignment, method-assign]

    def __call__(self, audio: Tensor, generator: torch.Generator) -> object:
        """Keep the weights if this step is chosen, then make it."""
        if self._made in self._steps:
            self.keep()
        self._made += 1
        return self._step(audio, generator)

    def keep(self) -> None:
        """Copy the weights as they are now."""
        state = self._model.state_dict()
        self.weights.append({name: value.detach().clone() for name, value in state.items()})


@torch.no_grad()
def measured(
    model: FilterbankAutoencoder, weights: dict[str, Tensor], batches: list[Tensor]
) -> tuple[np.ndarray, dict[str, float]]:
    """Return bits a second of each filter, and rate and noise, on validation music."""
    model.load_state_dict(weights)
    bits, noise, seconds = np.zeros(model.config.filters), [], 0.0
    for audio in batches:
        levelled, _ = model.peak_normalize(audio)
        found = model(model.inputs(levelled))
        assert model.prior is not None
        bits += model.prior.bits(found.latent.round()).sum(dim=(0, 2)).numpy()
        seconds += audio.numel() / model.config.sample_rate
        terms = model.loss(model.inputs(levelled), found).terms
        noise.append((len(audio), float(terms["noise_to_signal_db"])))
    mean = float(np.average([value for _, value in noise], weights=[count for count, _ in noise]))
    return bits / seconds, {"kbps": float(bits.sum() / seconds / 1000), "noise": mean}


if __name__ == "__main__":
    main()
