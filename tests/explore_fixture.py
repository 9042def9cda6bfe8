"""Small explorers of tones, whose pictures and sounds can be told apart."""

import numpy as np

from musiclib.explore import Control, Explorer, Frame, Pane, sound_picture

RATE = 8_000
LEVELS = (0.1, 0.2, 0.4)
PITCHES = (500, 1000, 2000)


def tone(hertz: float, level: float, seconds: float = 3.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def tones(name: str = "tones", seconds: float = 3.0, calls: list | None = None) -> Explorer:
    """Pitch slides over three values, loudness is a word; loud tones have no highest pitch."""

    def frame(loudness: str, pitch: int) -> Frame:
        if calls is not None:
            calls.append((loudness, pitch))
        audio = tone(pitch, {"soft": 0.1, "loud": 0.4}[loudness], seconds)
        drawn = sound_picture(audio, RATE, f"a {loudness} tone of {pitch} Hz")
        facts = {"Peak": f"{np.abs(audio).max():.2f}"}
        return Frame(
            (Pane("Tone", drawn, audio, RATE, facts), Pane("Picture alone", drawn)),
            {"Period": f"{1000 / pitch:g} ms"},
        )

    reference = tone(100, 0.2, seconds)
    return Explorer(
        name,
        f"Tones <{name}>",
        (
            Control("loudness", "Loudness", ("soft", "loud")),
            Control("pitch", "Pitch", PITCHES, "Hz"),
        ),
        frame,
        "Sines & nothing else.",
        Frame((Pane("Reference", sound_picture(reference, RATE, "100 Hz"), reference, RATE),)),
        lambda loudness, pitch: loudness == "soft" or pitch < 2000,
    )
