"""The autoencoder of samples against plain downsampling to as many values."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.codecs import get_codec
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.datasets import Clip
from musiclib.evaluate import align
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.models import Autoencoder
from musiclib.studies.clip_intervals import clip_difference, clip_interval
from musiclib.training.checkpoint import Checkpoint

METRIC_NAMES = ("si_sdr", "log_spectral_distance")
WANTED_SI_SDR_DB, WANTED_DISTANCE_DB = 0.0, -6.0
"""What this book set out to reach against downsampling: an SI-SDR at least as high, and a
log-spectral distance at least so much lower."""


def rebuilt(model: Autoencoder, audio: FloatArray) -> FloatArray:
    """A clip through a model of samples, whose latents stay floats.

    Args:
        model: In evaluation mode.
        audio: Samples at the model's rate, shape ``(N,)``.

    Returns:
        Samples ``(N,)`` at the clip's level.
    """
    with torch.no_grad():
        levelled, gain = model.levelled(torch.from_numpy(audio).unsqueeze(0))
        output = model(model.inputs(levelled)).output
    samples: FloatArray = (output.reshape(-1) / float(gain)).numpy().astype(np.float32)
    return samples


def against_downsampling(
    checkpoint: Checkpoint, factor: int, step: int, clips: Iterable[Clip]
) -> pd.DataFrame:
    """Downsampling, the autoencoder with floats, and the autoencoder as a codec.

    Args:
        checkpoint: Of a model that keeps one value for ``factor`` samples.
        factor: See there.
        step: Of the codec's quantiser.
        clips: Mono clips at the model's rate.

    Returns:
        One row for each clip and ``system`` (``downsampling``, ``floats``, ``file``): ``kbps`` (NaN
        for floats) and the metrics of :data:`METRIC_NAMES`.
    """
    model = checkpoint.build()
    plain = get_codec("downsample", factor=factor)
    codec = AutoencoderCodec(checkpoint, step=step)
    rows = []
    for clip in clips:
        outcomes = {"floats": (np.nan, rebuilt(model, clip.audio))}
        for system, used in (("downsampling", plain), ("file", codec)):
            data = used.encode(clip.audio, clip.sample_rate)
            decoded = align(*used.decode(data), clip.audio, clip.sample_rate)
            outcomes[system] = (bitrate_kbps(len(data), clip.seconds), decoded)
        for system in ("downsampling", "floats", "file"):
            kbps, decoded = outcomes[system]
            values = {
                name: METRICS[name](clip.audio, decoded, clip.sample_rate) for name in METRIC_NAMES
            }
            rows.append({"clip": clip.track_id, "system": system, "kbps": kbps, **values})
    return pd.DataFrame(rows)


def verdicts(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Means, and paired differences to downsampling.

    Args:
        table: From :func:`against_downsampling`.
        seed: Of the bootstrap.

    Returns:
        One row for each system: ``kbps``, an interval for each metric, and in
        ``<metric>_difference`` the interval of the paired difference to downsampling; for the
        autoencoders ``holds``, whether both mean differences are as wanted.
    """
    parts = dict(list(table.groupby("system", sort=False)))
    rows = {}
    for system, part in parts.items():
        row: dict[str, object] = {"kbps": part["kbps"].mean()}
        for name in METRIC_NAMES:
            values = part[name].to_numpy()
            row[name] = clip_interval(values)
            row[f"{name}_difference"] = clip_difference(
                values, parts["downsampling"][name].to_numpy(), seed=seed
            )
        rows[system] = row
    found = pd.DataFrame.from_dict(rows, orient="index")
    found["holds"] = [
        snr.mean >= WANTED_SI_SDR_DB and distance.mean <= WANTED_DISTANCE_DB
        for snr, distance in zip(
            found["si_sdr_difference"], found["log_spectral_distance_difference"], strict=True
        )
    ]
    return found
