"""Sounds with most of their energy at low frequencies."""

import numpy as np

RATE, COUNT, KERNEL = 24_000, 32, 256


def chirps(count: int = 4, seconds: float = 0.5) -> list[np.ndarray]:
    """Clips with most of their energy below 2 kHz."""
    generator = np.random.default_rng(1)
    times = np.arange(round(seconds * RATE)) / RATE
    return [
        sum(
            np.sin(2 * np.pi * hertz * times + 6 * generator.random()) / hertz
            for hertz in generator.uniform(100, 2000, 30)
        ).astype(np.float32)
        for _ in range(count)
    ]
