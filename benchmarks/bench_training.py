"""What a training step is made of: computing, and waiting for data; what bfloat16 and malloc save.

Every measurement runs in a process of its own, and those of one model take turns, so that their
ratios are comparable. `draw` is the time to draw a batch with nothing else going on, as a share of
a step; `wait` is what a step really waits for it, since batches are drawn ahead in a thread.
`bf16` and `malloc` are step times as ratios to the plain one, below 1 where they pay: layers in
bfloat16, and glibc's allocator told to keep its memory (see `musiclib train --help`).

    python benchmarks/bench_training.py                                # a few minutes
    python benchmarks/bench_training.py --models deep-16 --steps 5     # a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace

MODELS = ("frequency-64", "waveform-8", "shallow-16", "deep-16", "lstm-16", "vae-16")
MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
VARIANTS = ("plain", "bf16", "malloc")
WARM_UP = 3


def measure(name: str, variant: str, steps: int, per_genre: int, threads: int | None) -> None:
    """Make `steps` steps and print medians in seconds as JSON."""
    import torch
    from torch.optim import AdamW

    from musiclib.datasets import open_dataset
    from musiclib.training import new_model
    from musiclib.training.config import recipe
    from musiclib.training.data import SegmentLoader, prefetch
    from musiclib.training.loop import Step, make_fabric

    if threads is not None:
        torch.set_num_threads(threads)
    model_config, config = recipe(name).configs()
    config = replace(config, precision="bf16-mixed" if variant == "bf16" else "32-true")
    fabric = make_fabric(config)
    music = SegmentLoader.open(open_dataset().select(per_genre=per_genre), model_config.sample_rate)
    model = new_model(model_config)
    inline = music.batches(config)
    model.prepare(next(inline) for _ in range(2))
    draws = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        next(inline)
        draws.append(time.perf_counter() - start)
    module, optimizer = fabric.setup(Step(model), AdamW(model.parameters()))
    waits, whole = [], []
    with prefetch(music.batches(config)) as batches:
        for number in range(WARM_UP + steps):
            start = time.perf_counter()
            audio = next(batches)
            waits.append(time.perf_counter() - start)
            optimizer.zero_grad()
            total, _ = module(fabric.to_device(audio), torch.Generator().manual_seed(number))
            fabric.backward(total)
            fabric.clip_gradients(module, optimizer, max_norm=1.0)
            optimizer.step()
            float(total.detach())
            whole.append(time.perf_counter() - start)
    kept = {"draw": draws, "wait": waits, "step": whole}
    print(json.dumps({key: statistics.median(values[WARM_UP:]) for key, values in kept.items()}))


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--per-genre", type=int, default=4, help="tracks of each genre")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--variant", choices=VARIANTS, help="measure this one, print JSON")
    args = parser.parse_args()
    if args.variant:
        measure(args.models[0], args.variant, args.steps, args.per_genre, args.threads)
        return
    print("| model | ms a step | draw | wait | bf16 | malloc |\n|---|---|---|---|---|---|")
    for name in args.models:
        found: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
        for _ in range(args.rounds):
            for variant in VARIANTS:
                command = [
                    *(sys.executable, __file__, "--models", name, "--variant", variant),
                    *("--steps", str(args.steps), "--per-genre", str(args.per_genre)),
                    *(("--threads", str(args.threads)) if args.threads else ()),
                ]
                environment = {**os.environ, **(MALLOC if variant == "malloc" else {})}
                done = subprocess.run(
                    command, env=environment, stdout=subprocess.PIPE, text=True, check=True
                )
                found[variant].append(json.loads(done.stdout.splitlines()[-1]))
        plain = {
            key: statistics.median(row[key] for row in found["plain"])
            for key in ("step", "draw", "wait")
        }
        ratios = [
            statistics.median(
                other["step"] / row["step"]
                for row, other in zip(found["plain"], found[variant], strict=True)
            )
            for variant in ("bf16", "malloc")
        ]
        shares = [f"{plain[key] / plain['step']:.1%}" for key in ("draw", "wait")]
        print(
            f"| {name} | {1000 * plain['step']:.0f} | {' | '.join(shares)} | "
            f"{ratios[0]:.2f} | {ratios[1]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
