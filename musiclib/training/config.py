"""How models are trained: a configuration, and the recipes of all models of the book, by name.

Recipes have three profiles: `mini` is the whole training, `retrain` is the same (for chapters that
train again instead of loading a checkpoint), `smoke` makes a few steps in seconds, for tests.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from musiclib.errors import TrainingError
from musiclib.models import (
    Bottleneck,
    Corruption,
    DeepConfig,
    FilterbankConfig,
    FrequencyConfig,
    LearnedTransformConfig,
    LstmConfig,
    ModelConfig,
    PcaConfig,
    PostFilterConfig,
    ShallowConfig,
    VaeConfig,
    WaveformConfig,
)

PRECISIONS = ("32-true", "bf16-mixed", "auto")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the weights besides the model, the data and the machine.

    Attributes:
        steps: Number of optimizer steps. 0: only `Autoencoder.prepare`, for models that are
            solved in closed form.
        batch_size: Segments in a step, over all processes together.
        segment_s: Length of a segment in seconds.
        learning_rate: Largest learning rate of AdamW.
        schedule: `"cosine"`: linear warm-up, then half a cosine down to `final_fraction`
            (Loshchilov and Hutter 2017, SGDR, section 3). `"constant"`: warm-up, then constant.
        warmup_steps: Steps of the warm-up; no more than half of `steps` are used.
        final_fraction: Last learning rate of the cosine, as a fraction of the largest.
        beta1: Decay of AdamW's mean of gradients.
        beta2: Decay of AdamW's mean of squared gradients.
        weight_decay: Decoupled weight decay of AdamW (Loshchilov and Hutter 2019, algorithm 2).
        gradient_clip: Largest norm of the gradient of all weights together; None: no limit.
        precision: `"32-true"`, or `"bf16-mixed"`: weights stay float32, layers that gain from
            it compute in bfloat16; `"auto"`: mixed where the device has arithmetic for it. The
            record of a checkpoint says which one it was.
        seed: Seed of segments, of random numbers in the model, and of its first weights.
        balance: `"time"`: every place of the music is equally likely; `"genre"`: every genre.
        validate_every: Steps between validations; one more follows the last step.
        validation_segments: Largest number of segments of a validation, spread evenly.
        checkpoint_every: Steps between checkpoints to resume from.
        log_every: Steps that one row of the history averages over.
        prepare_batches: Batches shown to `Autoencoder.prepare` before the first step.
    """

    steps: int
    batch_size: int = 16
    segment_s: float = 1.0
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup_steps: int = 100
    final_fraction: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    gradient_clip: float | None = 1.0
    precision: str = "32-true"
    seed: int = 0
    balance: Literal["time", "genre"] = "time"
    validate_every: int = 500
    validation_segments: int = 256
    checkpoint_every: int = 500
    log_every: int = 10
    prepare_batches: int = 32

    def __post_init__(self) -> None:
        for name, choices in (
            ("schedule", ("cosine", "constant")),
            ("precision", PRECISIONS),
            ("balance", ("time", "genre")),
        ):
            if getattr(self, name) not in choices:
                raise TrainingError(
                    f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}"
                )
        for name in ("steps", "seed", "warmup_steps", "weight_decay"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must not be negative")
        for name in (
            *("batch_size", "segment_s", "learning_rate", "validate_every", "validation_segments"),
            *("checkpoint_every", "log_every", "prepare_batches", "gradient_clip"),
        ):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise TrainingError(f"{name} is {value}; it must be positive")
        for name in ("final_fraction", "beta1", "beta2"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be in [0, 1]")

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of step `step`, counted from 0."""
        warmup = min(self.warmup_steps, self.steps // 2)
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        if self.schedule == "constant":
            return self.learning_rate
        progress = (step - warmup) / max(1, self.steps - warmup)
        fall = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * (self.final_fraction + (1.0 - self.final_fraction) * fall)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return asdict(self)


PROFILES = ("smoke", "mini", "retrain")
# What a training pays for one kbps, in thousandths of the variance of log magnitudes: models for
# about 5, 2.4, 0.8 and 0.3 kbps.
RATE_WEIGHTS = (6, 18, 50, 150)
POST_FILTER = "codec-restorer"
CORPUS = "debian"

# 126 latent frames of 8.192 s, as the original report cut its music.
_FREQUENCY = TrainConfig(
    steps=1500,
    batch_size=4,
    segment_s=8.192,
    precision="auto",
    validate_every=250,
    validation_segments=48,
    checkpoint_every=250,
    prepare_batches=48,
)
_WIDEBAND = replace(_FREQUENCY, segment_s=2.048, batch_size=6)
# Trained to compress, on a corpus in which a training hears hardly anything twice.
_COMPRESSING = replace(
    _WIDEBAND,
    steps=2500,
    validate_every=500,
    validation_segments=96,
    checkpoint_every=250,
    prepare_batches=100,
)
_WAVEFORM = TrainConfig(
    steps=1500,
    batch_size=6,
    segment_s=1.0,
    beta1=0.8,
    beta2=0.99,
    gradient_clip=5.0,
    precision="auto",
    validate_every=250,
    validation_segments=96,
    checkpoint_every=250,
)
_WAVEFORM_COMPRESSING = replace(
    _WAVEFORM, steps=2500, validate_every=500, validation_segments=192, prepare_batches=48
)
# A step costs a twentieth of those above, and a filter has a long way to go.
_FILTERBANK = replace(
    _WAVEFORM,
    steps=6000,
    batch_size=8,
    learning_rate=1e-2,
    validate_every=500,
    checkpoint_every=500,
    prepare_batches=8,
)
# Neighbouring frames share three quarters of their samples, and a second of music is much alike:
# half of it teaches nearly as much.
_FRAMES = TrainConfig(
    steps=2000,
    batch_size=8,
    segment_s=0.5,
    learning_rate=3e-3,
    weight_decay=1e-3,
    precision="auto",
    validate_every=250,
    validation_segments=256,
    checkpoint_every=500,
    prepare_batches=128,
)
_FROM_SCRATCH = replace(_FRAMES, steps=6000, validate_every=500)
_COMPONENTS = replace(
    _FRAMES,
    steps=0,
    batch_size=16,
    segment_s=1.0,
    learning_rate=2e-3,
    validate_every=500,
    validation_segments=192,
    prepare_batches=64,
)
_RESTORER = TrainConfig(
    steps=2700,
    batch_size=16,
    segment_s=1.024,
    weight_decay=1e-3,
    precision="auto",
    validate_every=500,
    validation_segments=64,
    checkpoint_every=500,
    log_every=50,
    prepare_batches=1,
)
_RESTORER_BRIEF = replace(_RESTORER, steps=1000, batch_size=8)
_RESTORER_SMALL = PostFilterConfig(width=128, blocks=4)
# Equal training, one thing changed: what size and loss are worth.
RESTORER_VARIANTS = {
    "128": ("128 channels, 4 blocks", _RESTORER_SMALL),
    "128-log": (
        "128 channels, log-spectral loss alone",
        replace(_RESTORER_SMALL, similarity_weight=0.0, waveform_weight=0.0),
    ),
    "128-waveform": (
        "128 channels, loss of samples alone",
        replace(_RESTORER_SMALL, similarity_weight=0.0, log_weight=0.0),
    ),
    "32": ("32 channels, 2 blocks", PostFilterConfig(width=32, blocks=2)),
}
_TRANSFORM = TrainConfig(
    steps=800,
    batch_size=8,
    segment_s=1.024,
    learning_rate=3e-3,
    validate_every=100,
    validation_segments=32,
    checkpoint_every=100,
    prepare_batches=1,
)
_SMOKE_SEGMENT_S = 1.024


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    Attributes:
        name: What `musiclib train` calls it, and the checkpoint's default name.
        description: One line for a reader.
        model: Configuration of the model.
        training: Configuration of the training in the profile `mini`.
        dataset: The data set that the shipped model was trained on.
    """

    name: str
    description: str
    model: ModelConfig
    training: TrainConfig
    dataset: str = "mini"

    def configs(self, profile: str = "mini", seed: int = 0) -> tuple[ModelConfig, TrainConfig]:
        """Return both configurations.

        Raises:
            TrainingError: The profile is unknown, or the seed negative.
        """
        if profile not in PROFILES:
            raise TrainingError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
        training = replace(self.training, seed=seed)
        if profile != "smoke":
            return self.model, training
        return self.model, replace(
            training,
            steps=min(training.steps, 4),
            batch_size=2,
            segment_s=min(training.segment_s, _SMOKE_SEGMENT_S),
            validation_segments=2,
            validate_every=2,
            checkpoint_every=2,
            log_every=1,
            prepare_batches=2,
        )


def recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        TrainingError: There is none of this name.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=3)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise TrainingError(
            f"no model {name!r}; {hint}`musiclib train --list` shows all {len(RECIPES)}"
        )
    return RECIPES[name]


def _all() -> Iterator[Recipe]:
    for latent in (512, 256, 128, 64, 32):
        yield Recipe(
            f"frequency-{latent}",
            f"2-D convolutions over log spectrograms at 8 kHz, {latent} values for 4 frames",
            FrequencyConfig(latent=latent),
            _FREQUENCY,
        )
    for name, words in (
        ("masking", "30 % of its input set to zero"),
        ("gaussian", "Gaussian noise of 30 % on its input"),
    ):
        yield Recipe(
            f"frequency-128-{name}",
            f"frequency-128, denoising: trained with {words}",
            FrequencyConfig(latent=128, corruption=Corruption(name, 0.3)),
            _FREQUENCY,
        )
    yield Recipe(
        "wideband-64",
        "2-D convolutions over log spectrograms at 24 kHz, 64 values for 4 frames",
        FrequencyConfig(
            sample_rate=24_000,
            n_fft=1024,
            hop_length=256,
            offset=0.01,
            latent=64,
            latent_noise=2.0,
        ),
        _WIDEBAND,
    )
    wideband = FrequencyConfig(
        sample_rate=24_000,
        group=16,
        n_fft=512,
        hop_length=128,
        offset=0.01,
        latent=256,
        erb_exponent=0.5,
    )
    priced = {
        weight: replace(wideband, bottleneck=Bottleneck("rate", rate_weight=weight / 1000))
        for weight in RATE_WEIGHTS
    }
    for weight, compressing in priced.items():
        yield Recipe(
            f"rate-{weight}",
            "2-D convolutions over log spectrograms at 24 kHz, trained for rate: "
            f"{weight / 1000:g} of squared error pays for 1 kbps",
            compressing,
            _COMPRESSING,
            CORPUS,
        )
    yield Recipe(
        "rate-18-linear",
        "rate-18 without its convolutions: principal components, and their price",
        replace(priced[18], blocks=0),
        replace(_COMPRESSING, steps=0),
        CORPUS,
    )
    yield Recipe("rate-18-hour", "rate-18, trained on the bundled hour", priced[18], _COMPRESSING)
    # Of a stage of 1,024 codes a frame of 43 ms makes 234 bits a second, so 26 reach 6 kbps.
    yield Recipe(
        "rvq",
        "2-D convolutions over log spectrograms at 24 kHz, 26 codebooks of 1,024 vectors",
        replace(wideband, group=8, latent=128, bottleneck=Bottleneck("rvq", stages=26)),
        _COMPRESSING,
        CORPUS,
    )
    yield Recipe(
        "waveform-rate",
        "convolutions over samples at 24 kHz, trained for rate: 2 dB of noise pay for 1 kbps",
        WaveformConfig(bottleneck=Bottleneck("rate", rate_weight=2.0)),
        _WAVEFORM_COMPRESSING,
        CORPUS,
    )
    for factor in (4, 8, 16, 32):
        yield Recipe(
            f"waveform-{factor}",
            f"convolutions over samples at 24 kHz, 1 value for {factor} samples",
            WaveformConfig(factor=factor),
            _WAVEFORM,
        )
    losses = {
        "l2": ("squared error of samples", {"l2_weight": 1.0}),
        "spectral": ("distance of spectra", {"spectral_weight": 1.0}),
        "log-spectral": ("distance of log spectra", {"log_spectral_weight": 1.0}),
    }
    none = {"time_weight": 0.0, "log_spectral_weight": 0.0}
    for name, (words, weights) in losses.items():
        yield Recipe(
            f"waveform-8-{name}",
            f"waveform-8 with one loss: {words}",
            WaveformConfig(factor=8, **{**none, **weights}),  # type: ignore[arg-type]
            _WAVEFORM,
        )
    yield Recipe(
        "waveform-8-scratch",
        "waveform-8 without a linear path, all filters from random numbers",
        WaveformConfig(factor=8, spine=False),
        replace(_WAVEFORM, steps=2500),
    )
    # Three ways in which a first layer could come to sinusoids by itself.
    yield Recipe(
        "waveform-8-tiny",
        "waveform-8-scratch with first filters from tiny numbers, under weight decay",
        WaveformConfig(factor=8, spine=False, first_scale=0.01),
        replace(_WAVEFORM, steps=2500, weight_decay=0.5),
        CORPUS,
    )
    yield Recipe(
        "waveform-8-critical",
        "waveform-8-scratch with 64 first filters every 64 samples, so that it must choose",
        WaveformConfig(factor=8, spine=False, filters=64),
        replace(_WAVEFORM, steps=2500),
        CORPUS,
    )
    yield Recipe(
        "filterbank",
        "64 filters every 64 samples and nothing else, trained for rate: 0.3 dB pay for 1 kbps",
        FilterbankConfig(bottleneck=Bottleneck("rate", rate_weight=0.3)),
        _FILTERBANK,
        CORPUS,
    )
    post_filter = Recipe(
        POST_FILTER,
        "the codec's network: repairs decoded spectra",
        PostFilterConfig(),
        _RESTORER,
        CORPUS,
    )
    yield post_filter
    words = f"{POST_FILTER}, trained on the bundled hour"
    yield replace(post_filter, name=f"{POST_FILTER}-hour", description=words, dataset="mini")
    for name, (words, config) in RESTORER_VARIANTS.items():
        yield Recipe(
            f"{POST_FILTER}-{name}",
            f"{POST_FILTER}, less trained: {words}",
            config,
            _RESTORER_BRIEF,
            CORPUS,
        )
    yield Recipe(
        "learned-transform",
        "a rival of the codec's MDCT with whole numbers as latents",
        LearnedTransformConfig(),
        _TRANSFORM,
        CORPUS,
    )
    for latent in (4, 8, 16, 32, 64):
        yield from _frames(latent)


def _frames(latent: int) -> Iterator[Recipe]:
    models: dict[str, tuple[str, ModelConfig]] = {
        "pca": ("principal components", PcaConfig(latent=latent)),
        "shallow": ("one layer on each side", ShallowConfig(latent=latent)),
        "deep": ("a hidden layer on each side", DeepConfig(latent=latent)),
        "lstm": ("an LSTM layer on each side", LstmConfig(latent=latent)),
        "vae": ("deep, with a normal distribution for each value", VaeConfig(latent=latent)),
    }
    if latent in (16, 64):
        words = "without a linear path"
        models |= {
            "deep-scratch": (f"deep, {words}", DeepConfig(latent=latent, spine=False)),
            "lstm-scratch": (f"LSTM, {words}", LstmConfig(latent=latent, spine=False)),
            "vae-scratch": (f"variational, {words}", VaeConfig(latent=latent, spine=False)),
        }
    for name, (words, config) in models.items():
        yield Recipe(
            f"{name}-{latent}",
            f"single spectra of 513 bins to {latent} values: {words}",
            config,
            _COMPONENTS if name == "pca" else _FROM_SCRATCH if "scratch" in name else _FRAMES,
            CORPUS,
        )


RECIPES: dict[str, Recipe] = {item.name: item for item in _all()}
