"""How a model is trained: one small frozen dataclass, checked when it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from musiclib.errors import TrainingError

SCHEDULES = ("cosine", "constant")
PRECISIONS = ("32-true", "bf16-mixed", "auto")
BALANCES = ("time", "genre")


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
    balance: str = "time"
    validate_every: int = 500
    validation_segments: int = 256
    checkpoint_every: int = 500
    log_every: int = 10
    prepare_batches: int = 32

    def __post_init__(self) -> None:
        for name, choices in (
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("balance", BALANCES),
        ):
            if getattr(self, name) not in choices:
                raise TrainingError(
                    f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}"
                )
        lowest = dict.fromkeys(_COUNTS, 1) | {"steps": 0, "seed": 0, "warmup_steps": 0}
        for name, low in lowest.items():
            value = getattr(self, name)
            if type(value) is not int or value < low:
                raise TrainingError(f"{name} is {value!r}; it must be a whole number from {low} on")
        ranges = {"segment_s": (0.0, math.inf), "learning_rate": (0.0, math.inf)}
        if self.gradient_clip is not None:
            ranges["gradient_clip"] = (0.0, math.inf)
        for name, (low_value, high_value) in ranges.items():
            if not low_value < _number(self, name) < high_value:
                raise TrainingError(f"{name} is {getattr(self, name)!r}; it must be positive")
        if not 0.0 <= _number(self, "final_fraction") <= 1.0:
            raise TrainingError(f"final_fraction is {self.final_fraction}; it must be in [0, 1]")
        for name in ("beta1", "beta2"):
            if not 0.0 <= _number(self, name) < 1.0:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be in [0, 1)")
        if not 0.0 <= _number(self, "weight_decay") < math.inf:
            raise TrainingError(f"weight_decay is {self.weight_decay}; it must not be negative")

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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Make a configuration of a dictionary.

        Raises:
            TrainingError: A field is unknown or missing, or a value is out of range.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise TrainingError(f"unknown training setting {unknown[0]!r}")
        try:
            return cls(**values)
        except TypeError as error:
            raise TrainingError(f"incomplete training settings: {error}") from error


_COUNTS = (
    "batch_size",
    "validate_every",
    "validation_segments",
    "checkpoint_every",
    "log_every",
    "prepare_batches",
)


def _number(config: TrainConfig, name: str) -> float:
    value = getattr(config, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TrainingError(f"{name} is {value!r}; it must be a number")
    return float(value)
