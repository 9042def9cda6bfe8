"""How fast audio gets into the cache, and how much memory that takes.

Clips of the bundled music are encoded as fma_small's files are (MP3, 44.1 kHz, stereo, about
260 kbps), and some as FLAC and Vorbis; hard links make as many files of them as are wanted.
Every measurement runs in a process of its own and counts from the first file to the last,
imports left out. Peak memory is the process's and its children's.

    python benchmarks/bench_cache.py                  # 200 and 2,000 clips, a few minutes
    python benchmarks/bench_cache.py --clips 50 100   # a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import numpy as np

RATE = 24_000
SOURCE_RATE = 44_100
KINDS = ("mp3", "mp3", "mp3", "mp3", "mp3", "mp3", "flac", "ogg")


def make_files(folder: Path, count: int, unique: int) -> None:
    """Fill `folder` with `count` clips of 30 s, `unique` of them different."""
    import soundfile

    from musiclib import audio
    from musiclib.datasets import open_dataset

    originals = []
    for number, clip in enumerate(
        open_dataset("mini").clips(sample_rate=SOURCE_RATE, limit=unique)
    ):
        # The bundled clips are mono; a delayed copy makes a second channel that differs.
        left = 0.7 * clip.audio
        stereo = np.stack([left, np.roll(left, 20)]).astype(np.float32)
        path = folder / f"original{number:03d}.{KINDS[number % len(KINDS)]}"
        if path.suffix == ".mp3":
            write_mp3(path, stereo)
        elif path.suffix == ".flac":
            audio.save(path, stereo, SOURCE_RATE)
        else:
            soundfile.write(path, stereo.T, SOURCE_RATE, format="OGG", subtype="VORBIS")
        originals.append(path)
    for number in range(count):
        source = originals[number % len(originals)]
        os.link(source, folder / f"{number:05d}{source.suffix}")
    for path in originals:
        path.unlink()


def write_mp3(path: Path, stereo: np.ndarray) -> None:
    """Write `stereo`, shape `(2, N)`, as fma_small's clips are coded."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=SOURCE_RATE, layout="stereo")
        stream.bit_rate = 256_000
        for start in range(0, stereo.shape[1], 57_600):
            block = np.ascontiguousarray(stereo[:, start : start + 57_600])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = SOURCE_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class PeakMemory:
    """Watches the resident memory of this process and its children."""

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        import psutil

        me = psutil.Process()
        while not self._done.wait(0.02):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.bytes = max(self.bytes, total)

    def stop(self) -> int:
        """Return the largest sum seen, in bytes."""
        self._done.set()
        self._thread.join()
        return self.bytes


def measure(kind: str, folder: Path, workers: int) -> dict[str, float]:
    """Decode every file of `folder`; return seconds of audio, wall time and peak memory."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if kind == "librosa":
        import joblib
        import librosa

        librosa.load(files[0], sr=RATE, mono=True, duration=1.0)  # its imports are lazy
        memory, start, busy = PeakMemory(), time.perf_counter(), time.process_time()
        load = joblib.delayed(lambda path: len(librosa.load(path, sr=RATE, mono=True)[0]))
        lengths = joblib.Parallel(workers, prefer="threads")(load(path) for path in files)
        wall, cpu = time.perf_counter() - start, time.process_time() - busy
        peak = memory.stop()
        return {"audio_s": sum(lengths) / RATE, "wall_s": wall, "cpu_s": cpu, "peak": peak}
    from musiclib.datasets import open_dataset, random_segments

    dataset = open_dataset("folder", folder)
    memory, start, busy = PeakMemory(), time.perf_counter(), time.process_time()
    cache = dataset.cache(RATE, workers=workers)
    wall, cpu = time.perf_counter() - start, time.process_time() - busy
    # Reading must not grow with the corpus either: everything once, then a training's draws.
    reading = time.perf_counter()
    for track_id in cache.track_ids:
        cache.audio(track_id)
    reading = time.perf_counter() - reading
    drawing = time.perf_counter()
    draws = random_segments(dataset, cache, seconds=1.0, batch_size=16)
    for _ in range(500):
        next(draws)
    drawing = time.perf_counter() - drawing
    return {
        "audio_s": cache.seconds,
        "wall_s": wall,
        "cpu_s": cpu,
        "read_s": reading,
        "draws_per_s": 500 * 16 / drawing,
        "peak": memory.stop(),
    }


def run(kind: str, folder: Path, workers: int, scratch: Path) -> dict[str, float]:
    """Run one measurement in a process of its own, with an empty cache."""
    with tempfile.TemporaryDirectory(dir=scratch) as cache:
        output = subprocess.run(
            [sys.executable, __file__, "--measure", kind, str(folder), "--workers", str(workers)],
            env={**os.environ, "MUSICLIB_CACHE": cache},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def report(counts: list[int], unique: int, repeats: int) -> None:
    """Print the two tables."""
    cores = os.cpu_count() or 1
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f} before the start")
    with tempfile.TemporaryDirectory(prefix="musiclib-bench-") as name:
        scratch = Path(name)
        folders = {}
        for count in counts:
            folders[count] = scratch / str(count)
            folders[count].mkdir()
            make_files(folders[count], count, unique)
        small = min(counts)
        print(f"\n{small} clips of 30 s to {RATE} Hz mono, median of {repeats}")
        print(f"{'':>8}{'seconds of audio a second':>29}{'a second of processor time':>29}")
        print(f"{'workers':>8}" + f"{'musiclib':>11}{'librosa':>10}{'ratio':>8}" * 2)
        for workers in sorted({1, 2, cores}):
            # Taken in turn, so that a change of the machine's load meets both.
            results: dict[str, list[dict[str, float]]] = {"musiclib": [], "librosa": []}
            for _ in range(repeats):
                for kind, taken in results.items():
                    taken.append(run(kind, folders[small], workers, scratch))
            line = f"{workers:>8}"
            for clock in ("wall_s", "cpu_s"):
                ours, theirs = (
                    float(np.median([result["audio_s"] / result[clock] for result in taken]))
                    for taken in results.values()
                )
                line += f"{ours:>11.0f}{theirs:>10.0f}{ours / theirs:>8.2f}"
            print(line)
        print("\nPeak memory while building and reading the cache")
        print(f"{'clips':>8}{'audio s/s':>10}{'peak MiB':>10}{'read s/s':>10}{'segments/s':>11}")
        peaks = []
        for count in counts:
            result = run("musiclib", folders[count], cores, scratch)
            peaks.append(result["peak"] / 2**20)
            print(
                f"{count:>8}{result['audio_s'] / result['wall_s']:>10.0f}{peaks[-1]:>10.0f}"
                f"{result['audio_s'] / result['read_s']:>10.0f}{result['draws_per_s']:>11.0f}"
            )
        print(f"largest over smallest: {max(peaks) / min(peaks):.3f}")
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def main() -> None:
    """Parse the arguments and print the report, or one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[200, 2_000])
    parser.add_argument("--unique", type=int, default=40, help="different clips among them")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        kind, folder = args.measure
        print(json.dumps(measure(kind, Path(folder), args.workers)))
    else:
        report(args.clips, args.unique, args.repeats)


if __name__ == "__main__":
    main()
