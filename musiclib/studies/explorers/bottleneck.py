"""Explorer of the bottleneck: how many latents, how coarsely rounded."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from musiclib.audio import FloatArray
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.evaluate import align
from musiclib.explore import Control, Explorer, Frame, Pane, sound_picture
from musiclib.figures import levels
from musiclib.listen.sound import kbps_text
from musiclib.metrics import bitrate_kbps
from musiclib.studies.autoencoders import running
from musiclib.studies.explorers.measured import measure, thinned
from musiclib.training.checkpoint import Checkpoint

UNROUNDED: Final = "exact"
STEPS: Final = {UNROUNDED: None, "fine": -20, "coarse": -12, "crude": -4}
SECONDS: Final = 5.0


def bottleneck(
    checkpoints: Mapping[int, Checkpoint],
    audio: FloatArray,
    title: str,
    profile: str = "mini",
    seed: int = 0,
) -> Explorer:
    """Explorer of latent size and rounding.

    Args:
        checkpoints: Trained models of spectrograms by their number of latents, of one sampling
            rate.
        audio: A clip at that rate, ``(N,)``; its first seconds are used.
        title: Of the clip.
        profile: `smoke` for a small grid.
        seed: Of the first phases, where nothing is rounded.

    Returns:
        Explorer whose frames hold what a model gives back: from its latents as they are, or from
        the bytes of a file.
    """
    sample_rate = next(iter(checkpoints.values())).model_config.sample_rate
    clip = np.ascontiguousarray(audio[: round(SECONDS * sample_rate)])
    loudest = float(levels.stft_power(clip).max())

    def frame(latents: int, rounding: str) -> Frame:
        checkpoint = checkpoints[latents]
        model = checkpoint.build()
        step = STEPS[rounding]
        if step is None:
            seen = running.view(model, clip)
            heard = running.sound(model, running.rebuilt(model, seen.logs), seen, seed)
            real = "no file"
        else:
            codec = AutoencoderCodec(checkpoint, step=step)
            data = codec.encode(clip, sample_rate)
            heard = align(*codec.decode(data), clip, sample_rate)
            real = kbps_text(bitrate_kbps(len(data), len(clip) / sample_rate))
        facts = {
            "Real bitrate": real,
            "Spectral RMSE": measure("spectral_rmse", clip, heard, sample_rate, 3),
            "LSD": measure("log_spectral_distance", clip, heard, sample_rate, 1),
            "MOS": measure("zimtohrli_mos", clip, heard, sample_rate),
        }
        label = f"{title} from {latents} latents, rounding {rounding}"
        drawn = sound_picture(heard, sample_rate, label, loudest)
        return Frame(
            (Pane("Rebuilt", drawn, heard, sample_rate, facts),),
            {
                "Values a second": f"{model.values_per_second:,.0f}",
                "Nominal bitrate": kbps_text(model.nominal_kbps),
            },
        )

    sizes = thinned(sorted(checkpoints), profile)
    first = sound_picture(clip, sample_rate, f"{title}, original", loudest)
    return Explorer(
        "bottleneck",
        "How many latents, how well rounded?",
        (
            Control(
                "latents", "Four frames become", sizes, "latents", fine=tuple(sorted(checkpoints))
            ),
            Control("rounding", "Rounding", thinned(tuple(STEPS), profile), start=UNROUNDED),
        ),
        frame,
        f"{title} behind bottlenecks. Where latents are rounded, sound and figures come from the "
        "bytes of a real file. All phases are found from the decoded magnitudes. At true level.",
        Frame((Pane("Original", first, clip, sample_rate),)),
    )
