"""Real bytes: autoencoders and codecs by the files that they write."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.codecs import CODEC_TITLES, Codec
from musiclib.codecs.latent import AutoencoderCodec, bitstream
from musiclib.codecs.latent.coded import CodedModel
from musiclib.datasets import Clip
from musiclib.evaluate import align
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.metrics.diagnostics import REPORT_HOP, REPORT_N_FFT, REPORT_OFFSET, REPORT_PEAK
from musiclib.stft import StftConfig, log_magnitude, stft
from musiclib.studies.clip_intervals import clip_difference
from musiclib.studies.rate_tables import rate_distortion
from musiclib.training.checkpoint import Checkpoint

QUALITY_METRICS = ("log_spectral_distance", "si_sdr", "zimtohrli_mos")


def measured(
    codecs: Sequence[Codec], clips: Iterable[Clip], metrics: Sequence[str]
) -> pd.DataFrame:
    """A rate-distortion table that names each model as a system of its own.

    Args:
        codecs: Codecs with their settings.
        clips: Mono clips.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.

    Returns:
        :func:`musiclib.studies.rate_tables.rate_distortion`, with the model's name as ``codec``
        where an autoencoder is meant.
    """
    table = rate_distortion(codecs, clips, metrics)
    models = {
        codec.label: codec.model_name for codec in codecs if isinstance(codec, AutoencoderCodec)
    }
    table["codec"] = [
        models.get(label, codec)
        for label, codec in zip(table["label"], table["codec"], strict=True)
    ]
    return table


def title(system: str) -> str:
    """Name of a system for figures and tables."""
    return CODEC_TITLES.get(system, system)


def matched(
    checkpoints: Mapping[str, Checkpoint],
    rivals: Sequence[Codec],
    clips: Iterable[Clip],
    limit_kbps: float,
    metrics: Sequence[str] = QUALITY_METRICS,
    known: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Autoencoders against codecs, at the bytes that each codec's file has for each clip.

    Args:
        checkpoints: Autoencoders by name.
        rivals: Codecs with their settings.
        clips: Mono clips.
        limit_kbps: The autoencoders get no more than this, even where the rival takes more.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.
        known: From :func:`measured`: rivals that it has measured on a clip are not coded again.

    Returns:
        One row for each clip, rival and model: ``track_id``, ``artist``, ``model``, ``rival``,
        ``kbps`` and ``rival_kbps`` (of the files), each metric, and each metric of the rival as
        ``rival_<metric>``.
    """
    seen = {} if known is None else known.set_index(["label", "track_id"]).to_dict("index")
    rows = []
    for clip in clips:
        ours: dict[bytes, dict[str, float]] = {}
        for rival in rivals:
            row = seen.get((rival.label, clip.track_id))
            if row is None:
                rate, theirs = _measure(rival, clip, metrics)
            else:
                rate, theirs = row["kbps"], {name: row[name] for name in metrics}
            for model, checkpoint in checkpoints.items():
                codec = AutoencoderCodec(checkpoint, kbps=min(rate, limit_kbps))
                data = codec.encode(clip.audio, clip.sample_rate)
                if data not in ours:  # budgets that are nearly the same lead to the same file
                    ours[data] = _decoded(codec, data, clip, metrics)
                rows.append(
                    {
                        "track_id": clip.track_id,
                        "artist": clip.unit,
                        "model": model,
                        "rival": rival.label,
                        "kbps": bitrate_kbps(len(data), clip.seconds),
                        "rival_kbps": rate,
                        **ours[data],
                        **{f"rival_{name}": value for name, value in theirs.items()},
                    }
                )
    return pd.DataFrame(rows)


def _measure(codec: Codec, clip: Clip, metrics: Sequence[str]) -> tuple[float, dict[str, float]]:
    """Bitrate of a clip's file in kbps, and its metrics once it is decoded."""
    data = codec.encode(clip.audio, clip.sample_rate)
    return bitrate_kbps(len(data), clip.seconds), _decoded(codec, data, clip, metrics)


def _decoded(codec: Codec, data: bytes, clip: Clip, metrics: Sequence[str]) -> dict[str, float]:
    """Metrics of a decoded file."""
    sound = align(*codec.decode(data), clip.audio, clip.sample_rate)
    return {name: METRICS[name](clip.audio, sound, clip.sample_rate) for name in metrics}


def differences(
    table: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS, seed: int = 0
) -> pd.DataFrame:
    """Paired differences at matched bytes, the autoencoder's value less the rival's.

    Args:
        table: From :func:`matched`; several may be joined.
        metrics: Metrics of the table.
        seed: Of the bootstrap.

    Returns:
        One row for each model and rival: ``kbps``, ``rival_kbps`` (means), and for each metric an
        :class:`~musiclib.metrics.Interval` of the difference and, in ``<metric>_wins``, whether
        all of it is on the better side.
    """
    rows = []
    for (model, rival), part in table.groupby(["model", "rival"], sort=False):
        row = {
            "model": model,
            "rival": rival,
            "kbps": part["kbps"].mean(),
            "rival_kbps": part["rival_kbps"].mean(),
        }
        for name in metrics:
            found = clip_difference(
                part[name].to_numpy(), part[f"rival_{name}"].to_numpy(), seed=seed
            )
            sign = 1.0 if METRICS[name].higher_is_better else -1.0
            row[name] = found
            row[f"{name}_wins"] = bool(min(sign * found.low, sign * found.high) > 0.0)
        rows.append(row)
    return pd.DataFrame(rows)


def savings(
    checkpoints: Mapping[str, Checkpoint], step: int, clips: Sequence[Clip]
) -> pd.DataFrame:
    """From the nominal rate to the file: what quantisation and entropy coding save.

    Args:
        checkpoints: By name of the model.
        step: Of the quantiser.
        clips: Mono clips.

    Returns:
        One row for each model, in kbps: ``nominal`` (16 bit a value); ``fixed``, one word length
        for all values of a clip, enough for its largest; ``by_channel``, a word length for each
        channel of a clip; ``file``, what is written. ``bits`` are those of the file for each value
        and ``header`` is the file's share without the coded values. The words leave out what it
        takes to tell their lengths.
    """
    rows = []
    for name, checkpoint in checkpoints.items():
        codec, coded = AutoencoderCodec(checkpoint, step=step), CodedModel.of(checkpoint)
        totals = np.zeros(5)
        seconds = 0.0
        for clip in clips:
            data = codec.encode(clip.audio, clip.sample_rate)
            stream = bitstream.unpack(data)
            (payload,) = stream.payloads
            seconds += clip.seconds
            if not payload:  # silence
                continue
            values = np.concatenate(list(coded.read(payload, stream.n_samples, step)), axis=1)
            spans = np.ptp(values, axis=1)
            whole = math.ceil(math.log2(int(np.ptp(values)) + 1))
            words = np.ceil(np.log2(spans + 1.0)).sum() * values.shape[1]
            totals += (
                values.size,
                whole * values.size,
                words,
                8 * len(data),
                8 * (len(data) - len(payload)),
            )
        count, fixed, words, file, header = totals
        rows.append(
            {
                "model": name,
                "nominal": codec.nominal_kbps,
                "fixed": fixed / seconds / 1000,
                "by_channel": words / seconds / 1000,
                "file": file / seconds / 1000,
                "bits": file / max(count, 1.0),
                "header": header / file,
            }
        )
    return pd.DataFrame(rows).set_index("model")


def coded_spectrogram_rmse(audio: FloatArray, magnitudes: FloatArray) -> float:
    """Spectral RMSE of decoded magnitudes, before a phase is found.

    Args:
        audio: Reference at 8 kHz, shape ``(N,)``, not silent.
        magnitudes: Of the report's STFT, ``(F, T)``, at the clip's level.

    Returns:
        Distance in nepers, as :func:`musiclib.metrics.spectral_rmse` has it for sound.
    """
    gain = REPORT_PEAK / float(np.abs(audio).max())
    with torch.no_grad():
        spectrum = stft(torch.from_numpy(audio), StftConfig(REPORT_N_FFT, REPORT_HOP))
        target = log_magnitude(gain * spectrum.abs(), REPORT_OFFSET)
        found = log_magnitude(gain * torch.from_numpy(magnitudes), REPORT_OFFSET)
    return float((target - found).square().mean().sqrt())


def narrow_spectrograms(
    checkpoints: Mapping[str, Checkpoint],
    ladders: Mapping[str, Sequence[int]],
    clips: Sequence[Clip],
) -> pd.DataFrame:
    """Spectral RMSE of the coded spectrograms of models at 8 kHz, by real bytes.

    Args:
        checkpoints: By name of the model.
        ladders: Quantiser steps by name of the model.
        clips: Mono clips at 8 kHz.

    Returns:
        One row for each model and step: ``model``, ``step``, ``kbps`` (mean), ``rmse`` (root of
        the mean square over all clips).
    """
    rows = []
    for name, steps in ladders.items():
        rates: dict[int, list[float]] = {step: [] for step in steps}
        errors: dict[int, list[float]] = {step: [] for step in steps}
        for clip in clips:
            for step in steps:  # one after the other: the model encodes a clip once
                codec = AutoencoderCodec(checkpoints[name], step=step)
                data = codec.encode(clip.audio, clip.sample_rate)
                rates[step].append(bitrate_kbps(len(data), clip.seconds))
                errors[step].append(
                    coded_spectrogram_rmse(clip.audio, codec.decode_magnitudes(data))
                )
        rows += [
            {
                "model": name,
                "step": step,
                "kbps": float(np.mean(rates[step])),
                "rmse": float(np.sqrt(np.mean(np.square(errors[step])))),
            }
            for step in steps
        ]
    return pd.DataFrame(rows)
