"""From whole numbers to sound, block by block, the same for any blocks, threads and processes.

The network runs in windows of fixed place and length, each on one thread, so a sum is never made in
another order because of how many frames came together or how many processors there are.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import torch

from musiclib.audio import FloatArray
from musiclib.mdct import windowed_pieces
from musiclib.models.restorer import Restorer, spectrum_batch
from musiclib.models.transform import N_BANDS, Frames, Spectrum, dequantise
from musiclib.models.transform.bands import N_BINS, IntArray

WINDOW = 256  # frames, 2.7 s
Decoded = tuple[Spectrum, IntArray]  # with its levels


def single_threaded_pool(threads: int) -> ThreadPoolExecutor:
    """Threads for windows; each computes alone."""
    return ThreadPoolExecutor(
        threads, "synthesis", initializer=torch.set_num_threads, initargs=(1,)
    )


class Synthesiser:
    """Turns the frames of one channel into samples, in order.

    Args:
        restorer: Network in evaluation mode, or None for the transform coder alone.
        pool: Where windows are computed, from `single_threaded_pool`.
        channel: Number of the channel; its noise depends on it.
        ahead: Windows that may be computed at the same time.
    """

    def __init__(
        self, restorer: Restorer | None, pool: Executor, channel: int = 0, ahead: int = 2
    ) -> None:
        self._restorer, self._pool, self._channel = restorer, pool, channel
        self._ahead = max(1, ahead)
        self._reach = 0 if restorer is None else restorer.config.reach
        self._pushed = 0  # frames
        # Frames that no finished window has covered, with the reach before the next window.
        self._waiting: list[Decoded] = [_nothing(self._reach)]
        self._held = self._reach
        self._jobs: deque[tuple[Future[FloatArray], int]] = deque()
        self._tail: FloatArray | None = None

    def push(self, frames: Frames, gain: int) -> FloatArray:
        """Take the next frames; return samples `(n,)` that are ready, perhaps none."""
        spectrum = dequantise(frames.values, frames.levels, gain, self._pushed, self._channel)
        self._waiting.append((spectrum, frames.levels))
        self._pushed += len(frames.values)
        self._held += len(frames.values)
        need = WINDOW + 2 * self._reach
        if self._held >= need:
            spectrum, levels = _joined(self._waiting)
            start = 0
            while self._held - start >= need:
                self._submit(spectrum, levels, start, WINDOW)
                start += WINDOW
            self._waiting = [(_part(spectrum, start, None), levels[start:])]
            self._held -= start
        return self._collect(self._ahead)

    def finish(self) -> FloatArray:
        """Return the samples that are left. The whole piece has 256 for each frame but one."""
        left = self._held - self._reach
        if left > 0:
            padding = -left % WINDOW + self._reach
            self._waiting.append(_nothing(padding))
            spectrum, levels = _joined(self._waiting)
            for start in range(0, left, WINDOW):
                self._submit(spectrum, levels, start, min(WINDOW, left - start))
        self._waiting, self._held = [], 0
        return self._collect(0)

    def _submit(self, spectrum: Spectrum, levels: IntArray, start: int, count: int) -> None:
        stop = start + WINDOW + 2 * self._reach
        job = self._pool.submit(
            _window, self._restorer, _part(spectrum, start, stop), levels[start:stop], self._reach
        )
        self._jobs.append((job, count))

    def _collect(self, leave: int) -> FloatArray:
        ready = []
        while len(self._jobs) > leave:
            job, count = self._jobs.popleft()
            pieces = job.result()[:count]
            first, second = pieces[:, :N_BINS], pieces[:, N_BINS:]
            if self._tail is None:
                before = second[:-1]
                first = first[1:]
            else:
                before = np.concatenate([self._tail[None], second[:-1]])
            ready.append((first + before).reshape(-1))
            self._tail = second[-1]
        return np.concatenate(ready) if ready else np.zeros(0, np.float32)


def _window(
    restorer: Restorer | None, spectrum: Spectrum, levels: IntArray, reach: int
) -> FloatArray:
    """What each frame of a window adds to the output, `(WINDOW, 512)`."""
    if restorer is None:
        return windowed_pieces(spectrum.plain)
    with torch.inference_mode():
        repaired = restorer(spectrum_batch([spectrum], [levels]))[0, reach : reach + WINDOW]
    return windowed_pieces(repaired.numpy())


def _part(spectrum: Spectrum, start: int, stop: int | None) -> Spectrum:
    return Spectrum(*(getattr(spectrum, item.name)[start:stop] for item in fields(Spectrum)))


def _nothing(count: int) -> Decoded:
    """Frames beyond an end: as if silence had been sent."""
    levels = np.zeros((count, N_BANDS), np.int32)
    return dequantise(np.zeros((count, N_BINS), np.int32), levels, 0), levels


def _joined(parts: list[Decoded]) -> Decoded:
    spectra = [spectrum for spectrum, _ in parts]
    joined = Spectrum(
        *(
            np.concatenate([getattr(spectrum, item.name) for spectrum in spectra])
            for item in fields(Spectrum)
        )
    )
    return joined, np.concatenate([levels for _, levels in parts])
