"""Explorer of denoising: how much damage, and what two models make of it."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.explore import Control, Explorer, Frame, Pane, picture
from musiclib.models import Autoencoder, Corruption
from musiclib.studies.autoencoders import denoising, running
from musiclib.studies.explorers.measured import thinned

KINDS: Final = {"masking": "Masking", "gaussian": "Gaussian noise"}
PERCENT: Final = (0, 10, 20, 30, 45, 60, 80)
FINE_PERCENT: Final = tuple(range(0, 85, 5))
SECONDS: Final = 4.0


def repair(
    plain: Autoencoder,
    repairers: Mapping[str, Autoencoder],
    audio: FloatArray,
    title: str,
    profile: str = "mini",
    seed: int = 0,
) -> Explorer:
    """Explorer of damage and repair.

    Args:
        plain: The model that was trained to copy.
        repairers: For each kind of damage the model that was trained to repair it.
        audio: A clip at the models' rate, ``(N,)``; its first seconds are used.
        title: Of the clip.
        profile: `smoke` for a small grid.
        seed: Of the damage and of the first phases.

    Returns:
        Explorer whose frames hold the damaged spectrogram, the plain model's version and that of
        the model that was trained for this damage, each with its error and its sound.
    """
    sample_rate = plain.config.sample_rate
    clip = np.ascontiguousarray(audio[: round(SECONDS * sample_rate)])
    seen = running.view(plain, clip)
    loudest, span = float(seen.logs.max()), running.range_db(plain, seen.logs)

    def pane(label: str, words: str, logs: Tensor) -> Pane:
        shown = running.levels(plain, logs, loudest)
        drawn = picture(
            shown,
            f"Spectrogram of {title}, {words}",
            floor_db=min(-span, -1.0),
            top_khz=sample_rate / 2000,
            seconds=len(clip) / sample_rate,
        )
        heard = running.sound(plain, logs, seen, seed)
        error = f"{running.error_nepers(seen.logs, logs):.3f}"
        facts = {} if logs is seen.logs else {"Spectral RMSE": error}
        return Pane(label, drawn, heard, sample_rate, facts)

    def frame(kind: str, percent: int) -> Frame:
        corruption = Corruption(kind, percent / 100) if percent else denoising.CLEAN
        damaged = denoising.corrupt(plain, seen.logs, corruption, title, seed)
        words = denoising.describe(corruption)
        copied, mended = running.rebuilt(plain, damaged), running.rebuilt(repairers[kind], damaged)
        return Frame(
            (
                pane("Damaged", f"damaged: {words}", damaged),
                pane("Plain model", f"plain model, {words}", copied),
                pane("Trained to repair", f"repaired, {words}", mended),
            )
        )

    return Explorer(
        "repair",
        "How much damage can be repaired?",
        (
            Control("kind", "Damage", tuple(KINDS), words=KINDS, start="masking"),
            Control("percent", "Amount", thinned(PERCENT, profile), "%", fine=FINE_PERCENT),
        ),
        frame,
        f"{title}: its log spectrogram damaged, and what two models make of it. Errors are against "
        "the clean spectrogram. All phases are found by Griffin-Lim, the clean one's too. At true "
        "level.",
        Frame((pane("Clean", "clean", seen.logs),)),
    )
