"""A first look at audio: how long it is, how its channels relate, how many bits it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.base import Progress
from musiclib.codecs.melic import analysis
from musiclib.codecs.melic.rate import Statistics
from musiclib.errors import AudioError

# Blocks at the end that are coded together, with as many trials as it takes: 65 s.
TAIL = 6
LOUDEST = 32.0  # thirty decibels over full scale only come from damage or a wrong scale

Chunks = Callable[[], Iterable[FloatArray]]


@dataclass
class Survey:
    """What a first look at the audio tells.

    Attributes:
        channels: 1 or 2.
        n_samples: Samples of a channel, at the source's rate.
        angles: Rotation of each block.
        statistics: Of each block's channels.
        masked: Whether nothing is heard of the second channel, anywhere.
        held: Some blocks; all of them where they are few.
        stride: Every how many blocks one is held.
    """

    channels: int = 1
    n_samples: int = 0
    angles: list[int] = field(default_factory=list)
    statistics: list[list[Statistics]] = field(default_factory=list)
    masked: bool = True
    held: dict[int, analysis.Block] = field(default_factory=dict)
    stride: int = 1

    @property
    def coded(self) -> int:
        """Channels that are coded."""
        return 1 if self.masked else self.channels

    def of(self, block: int) -> Statistics:
        """Statistics of a block's coded channels."""
        first, *others = self.statistics[block][: self.coded]
        return first + others[0] if others else first


def survey(chunks: Chunks, sample_rate: int, look: Progress) -> Survey:
    """Look through all of the audio.

    Args:
        chunks: Yields the audio `(C, n)` at the source's rate, from the start at each call.
        sample_rate: The source's rate in Hz.
        look: Told the seconds seen so far.
    """
    found = Survey()
    angle = analysis.MIDDLE

    def counted() -> Iterator[FloatArray]:
        for chunk in chunks():
            found.channels = len(chunk)
            found.n_samples += chunk.shape[1]
            loudest = max(float(chunk.max()), -float(chunk.min())) if chunk.size else 0.0
            if loudest > LOUDEST:
                raise AudioError(
                    f"The audio peaks at {loudest:.3g} times full scale. Scale it down first."
                )
            yield chunk
            look(found.n_samples / sample_rate)

    low = analysis.resampled(counted(), sample_rate, HOUSE_RATE)
    for number, block in enumerate(analysis.blocks(low)):
        if found.channels == 2:
            angle = analysis.choose_angle(block.own, angle)
        turned = block.rotated(angle, found.channels)
        if found.channels == 2:
            found.masked = found.masked and analysis.second_is_masked(turned.own)
        each = [
            analysis.Block(turned.coefficients[c : c + 1], turned.before, turned.n_frames)
            for c in range(found.channels)
        ]
        found.angles.append(angle if found.channels == 2 else 0)
        found.statistics.append([Statistics.of(channel) for channel in each])
        if number % found.stride == 0:
            found.held[number] = block
        if len(found.held) > TAIL:
            found.stride *= 2
            found.held = {k: b for k, b in found.held.items() if k % found.stride == 0}
    return found
