"""Render the killer sounds, `data/killer/`, from a free sound font by FluidSynth.

    apt-get install fluidsynth fluid-soundfont-gm
    python scripts/render_killer_sounds.py            # render all, write the table
    python scripts/render_killer_sounds.py --check    # render again, compare with the bundled ones

Killer sounds are what codecs have been tested with since the EBU's SQAM disc of 1988: attacks out
of silence, pure tones high and low, reeds with a hundred harmonics, noise that is made of clapping
hands. Nothing in this project was trained on them. Each is a phrase of ten seconds that this script
writes as MIDI; the instruments are those of Frank Wen's sound font Fluid (R3), under the MIT
licence.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from musiclib.audio import FloatArray
from musiclib.errors import DatasetError, MusiclibError
from musiclib.files import replace_file, sha256_of

DEFAULT_OUT = Path(__file__).resolve().parents[1] / "data" / "killer"
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SOUND_FONT_SHA256 = "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0"
RATE, SECONDS, FADE_S = 48_000, 10.0, 0.05
PEAK_DB = -3.0
TICKS = 960  # a second: 480 a quarter note at 120 a minute
DRUMS, NO_PROGRAM = 9, -1
TIME_LIMIT_S = 300

# Start and length in seconds, MIDI key (60 is middle C, 69 is 440 Hz), velocity up to 127.
Note = tuple[float, float, int, int]


@dataclass(frozen=True)
class Sound:
    """A phrase on an instrument.

    Attributes:
        name: File name without suffix, and key in the table.
        instrument: What it is, for readers.
        program: General MIDI's program, counted from 0; `NO_PROGRAM` for percussion.
        tests: What it is hard for.
        notes: What is played.
        pans: Places of the notes from left (0) to right (127), each on a channel of its own; by
            default all come from where the sound font has the instrument.
    """

    name: str
    instrument: str
    program: int
    tests: str
    notes: Sequence[Note]
    pans: Sequence[int] = ()


def run(start: float, step: float, keys: Iterable[int], velocity: int, length: float) -> list[Note]:
    """Play keys one after the other, every `step` seconds."""
    return [(start + i * step, length, key, velocity) for i, key in enumerate(keys)]


def castanets() -> list[Note]:
    """Single strokes out of silence, then rolls of sixteen a second, then both."""
    strokes = [(0.3 + 0.7 * i, 0.1, 85, 110) for i in range(5)]
    rolls = [
        (start + i / 16, 0.05, 85, 70 + 4 * (i % 8) + 25 * (i % 4 == 0))
        for start in (4.0, 6.2, 8.4)
        for i in range(16)
    ]
    answers = [(start + 0.25 * i, 0.1, 85, 115) for start in (5.2, 7.4) for i in range(3)]
    return strokes + rolls + answers


def harpsichord() -> list[Note]:
    """Broken chords of eight notes a second over a bass, and a close of held chords."""
    chords = [(57, 60, 64, 69), (55, 59, 62, 67), (53, 57, 60, 65), (52, 56, 59, 64)] * 2
    notes = []
    for bar, chord in enumerate(chords):
        start = 0.2 + bar
        notes += run(start, 0.125, [*chord, *(key + 12 for key in chord)], 100, 0.2)
        notes.append((start, 0.9, chord[0] - 12, 100))
    return notes + [(8.3, 1.4, key, 110) for key in (45, 57, 61, 64, 69)]


def glockenspiel() -> list[Note]:
    """High bells, one by one and then in a run, each left to ring."""
    single = run(0.2, 0.6, (84, 91, 88, 96, 93, 100, 89, 103), 100, 0.6)
    quick = run(
        5.4, 0.15, (84, 88, 91, 96, 100, 96, 91, 88, 84, 89, 93, 96, 101, 96, 93, 89), 90, 0.4
    )
    return single + quick + [(8.2, 1.6, 84, 110), (8.2, 1.6, 96, 110)]


def free_reed() -> list[Note]:
    """Held single tones and fifths of a free reed, as a pitch pipe gives them."""
    single = run(0.2, 1.6, (69, 62, 76, 67), 100, 1.45)
    return single + [
        (start, 1.5, key, 100) for start, low in ((6.7, 62), (8.3, 67)) for key in (low, low + 7)
    ]


def voice() -> list[Note]:
    """A slow unaccompanied melody."""
    keys = (57, 60, 62, 64, 62, 60, 59, 55, 57)
    lengths = (1.2, 0.8, 0.8, 1.6, 0.8, 0.8, 0.9, 0.9, 1.9)
    starts = [0.2 + sum(lengths[:i]) for i in range(len(keys))]
    return [(s, n - 0.08, key, 95) for s, n, key in zip(starts, lengths, keys, strict=True)]


def applause() -> list[Note]:
    """Three crowds, side by side; a new one comes in as the last one tires."""
    return [(0.1, 9.9, 60, 110), (2.5, 7.5, 64, 100), (5.5, 4.5, 57, 110)]


def tambourine() -> list[Note]:
    """Closed and open hi-hat in sixteenths, a tambourine on every second beat."""
    notes = []
    for i in range(76):
        start = 0.25 + i / 8
        notes.append((start, 0.1, 46 if i % 16 == 14 else 42, 70 + 35 * (i % 4 == 0)))
        if i % 8 == 4:
            notes.append((start, 0.2, 54, 115))
    return notes


def trumpet() -> list[Note]:
    """A signal of short loud notes, and a long one."""
    signal = (60, 60, 60, 64, 64, 64, 67, 64, 67, 72)
    starts = (0.2, 0.5, 0.65, 0.8, 1.1, 1.25, 1.4, 1.7, 1.85, 2.0)
    notes = [(s, 0.13, key, 120) for s, key in zip(starts[:-1], signal[:-1], strict=True)]
    notes.append((2.0, 1.5, 72, 120))
    answer = [(3.8 + s, n, key + 3, v) for s, n, key, v in notes if s < 2.0]
    return notes + answer + [(5.8, 1.0, 75, 115), (6.9, 0.9, 70, 100), (7.9, 1.9, 67, 110)]


def double_bass() -> list[Note]:
    """A plucked line down to the lowest string."""
    keys = (28, 31, 33, 35, 38, 40, 38, 35, 33, 36, 40, 43, 41, 38, 35, 31, 28, 28)
    return [*run(0.2, 0.5, keys, 110, 0.45), (9.2, 0.7, 40, 100)]


def guitar() -> list[Note]:
    """Picked chords that ring over each other, and a strummed close."""
    chords = [(40, 47, 52, 56, 59, 64), (45, 52, 57, 60, 64, 69), (43, 50, 55, 59, 62, 67)]
    notes = []
    for bar in range(6):
        chord = chords[bar % 3]
        order = (0, 3, 2, 4, 3, 5, 4, 3)
        notes += [(0.2 + 1.4 * bar + 0.175 * i, 1.2, chord[k], 95) for i, k in enumerate(order)]
    return notes + [(8.7 + 0.02 * i, 1.2, key, 115) for i, key in enumerate(chords[0])]


def violin() -> list[Note]:
    """A melody over two octaves, bowed from note to note, ending high."""
    keys = (55, 62, 67, 71, 74, 79, 78, 76, 74, 83, 86, 91)
    lengths = (0.9, 0.6, 0.6, 0.6, 1.0, 0.9, 0.4, 0.4, 1.2, 0.6, 0.6, 1.8)
    starts = [0.2 + sum(lengths[:i]) for i in range(len(keys))]
    return [(s, n, key, 100) for s, n, key in zip(starts, lengths, keys, strict=True)]


def piano() -> list[Note]:
    """Soft notes far apart, a loud chord over six octaves that dies away, and a run."""
    soft = run(0.2, 0.75, (76, 72, 79, 84), 45, 0.7)
    chord = [(3.3, 2.8, key, 120) for key in (33, 45, 57, 61, 64, 69, 81)]
    scale = (57, 59, 61, 62, 64, 66, 68, 69, 71, 73, 74, 76, 78, 80, 81, 83, 85, 86)
    return (
        soft
        + chord
        + run(6.3, 0.1, scale, 85, 0.15)
        + [(8.2, 1.7, key, 100) for key in (57, 73, 88)]
    )


SOUNDS = (
    Sound("castanets", "castanets", NO_PROGRAM, "attacks out of silence", castanets()),
    Sound("harpsichord", "harpsichord", 6, "plucked tones with many harmonics", harpsichord()),
    Sound("glockenspiel", "glockenspiel", 9, "high tones with sharp attacks", glockenspiel()),
    Sound(
        "free-reed",
        "harmonica, as a pitch pipe",
        22,
        "held tones of a hundred harmonics",
        free_reed(),
    ),
    Sound("voice", "solo voice", 53, "vibrato without accompaniment", voice()),
    Sound("applause", "applause", 126, "noise that is made of attacks", applause(), (64, 16, 112)),
    Sound("tambourine", "hi-hat and tambourine", NO_PROGRAM, "attacks above 5 kHz", tambourine()),
    Sound("trumpet", "trumpet", 56, "loud tones with a bright spectrum", trumpet()),
    Sound("double-bass", "double bass, plucked", 32, "fundamentals down to 41 Hz", double_bass()),
    Sound("guitar", "nylon guitar", 24, "attacks on ringing tones", guitar()),
    Sound("violin", "violin", 40, "bowed tones with vibrato", violin()),
    Sound("piano", "piano", 0, "soft notes, and decay into silence", piano()),
)
COLUMNS = (
    *("track_id", "split", "genre", "artist", "artist_group", "title", "licence", "instrument"),
    *("tests", "soundfont", "file", "duration_s", "sha256"),
)


def midi(sound: Sound) -> bytes:
    """Return a Standard MIDI File of format 0 with one track."""
    first = DRUMS if sound.program == NO_PROGRAM else 0
    events: list[tuple[int, int, bytes]] = []  # tick, rank among events of a tick, message
    for channel in range(first, first + max(1, len(sound.pans))):
        if sound.program != NO_PROGRAM:
            events.append((0, 0, bytes([0xC0 | channel, sound.program])))
        if sound.pans:
            events.append((0, 0, bytes([0xB0 | channel, 10, sound.pans[channel - first]])))
    for index, (start, length, key, velocity) in enumerate(sound.notes):
        channel = first + (index if sound.pans else 0)
        events.append((round((start + length) * TICKS), 1, bytes([0x80 | channel, key, 0])))
        events.append((round(start * TICKS), 2, bytes([0x90 | channel, key, velocity])))
    # The end comes late enough for the last sounds to die away.
    events.append((round((SECONDS + 1.0) * TICKS), 3, b"\xff\x2f\x00"))
    track, now = b"", 0
    for tick, _, message in sorted(events):
        track += variable_length(tick - now) + message
        now = tick
    return (
        b"MThd"
        + struct.pack(">IHHH", 6, 0, 1, TICKS // 2)
        + b"MTrk"
        + struct.pack(">I", len(track))
        + track
    )


def variable_length(value: int) -> bytes:
    """Return a number in MIDI's form: seven bits a byte, the highest first."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def render(sound: Sound, sound_font: Path) -> FloatArray:
    """Return a sound, `(samples, 2)`, its highest peak 3 dB below full scale.

    Raises:
        DatasetError: FluidSynth is missing or fails.
    """
    command = shutil.which("fluidsynth")
    if command is None:
        raise DatasetError("fluidsynth is not on the PATH. On Debian: apt install fluidsynth")
    with tempfile.TemporaryDirectory(prefix="musiclib-") as folder:
        score, raw = Path(folder, "score.mid"), Path(folder, "sound.raw")
        score.write_bytes(midi(sound))
        done = subprocess.run(
            [
                *(command, "--quiet", "--no-shell", "--no-midi-in", "--sample-rate", str(RATE)),
                *("--gain", "0.4", "--chorus", "no", "--audio-file-type", "raw"),
                *("--audio-file-format", "float", "--audio-file-endian", "little"),
                *("--fast-render", str(raw), str(sound_font), str(score)),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
        if done.returncode or not raw.is_file():
            said = done.stderr.decode(errors="replace").strip()
            raise DatasetError(f"fluidsynth failed on {sound.name}: {said or done.returncode}")
        audio = np.fromfile(raw, "<f4").reshape(-1, 2)
    length = round(SECONDS * RATE)
    if len(audio) < length:
        raise DatasetError(f"fluidsynth gave {len(audio)} samples of {sound.name}, not {length}")
    audio = audio[:length].astype(np.float64)
    fade = round(FADE_S * RATE)
    audio[-fade:] *= np.cos(np.linspace(0.0, np.pi / 2, fade))[:, None] ** 2
    scaled: FloatArray = (audio * 10.0 ** (PEAK_DB / 20.0) / np.abs(audio).max()).astype(np.float32)
    return scaled


def write(sounds: Sequence[Sound], sound_font: Path, out: Path) -> None:
    """Render sounds into a folder, and write the table of them."""
    rows = []
    for sound in sounds:
        memory = io.BytesIO()
        soundfile.write(memory, render(sound, sound_font), RATE, format="FLAC", subtype="PCM_16")
        file = out / f"{sound.name}.flac"
        replace_file(file, memory.getvalue())
        rows.append(
            {
                "track_id": sound.name,
                "split": "test",
                "genre": "killer",
                # The performer is a sound font; each sound is a group of its own in statistics.
                "artist": "Fluid (R3) General MIDI",
                "artist_group": sound.name,
                "title": sound.instrument,
                "licence": "MIT",
                "instrument": sound.instrument,
                "tests": sound.tests,
                "soundfont": sound_font.name,
                "file": file.name,
                "duration_s": f"{SECONDS:g}",
                "sha256": sha256_of(file),
            }
        )
        print(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB")
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(out / "tracks.csv", table.getvalue().encode())


def differences(sounds: Sequence[Sound], sound_font: Path, out: Path) -> list[str]:
    """Return a line for each sound that does not come out as bundled, to one step of 16 bits."""
    found = []
    for sound in sounds:
        bundled, _ = soundfile.read(out / f"{sound.name}.flac", dtype="float64")
        off = float(np.abs(bundled - render(sound, sound_font)).max()) * 2**15
        print(f"{sound.name}: at most {off:.1f} steps of 16 bits off")
        if off > 1.0:
            found.append(f"{sound.name} differs by {off:.1f} steps of 16 bits")
    return found


def main() -> int:
    """Render or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder of the sounds")
    parser.add_argument("--sound-font", type=Path, default=SOUND_FONT)
    parser.add_argument("--check", action="store_true", help="compare with what is there")
    options = parser.parse_args()
    try:
        if not options.sound_font.is_file():
            raise DatasetError(
                f"{options.sound_font}: no such file. On Debian: apt install fluid-soundfont-gm"
            )
        if sha256_of(options.sound_font) != SOUND_FONT_SHA256:
            raise DatasetError(f"{options.sound_font}: not the version that the sounds are made of")
        if options.check:
            wrong = differences(SOUNDS, options.sound_font, options.out)
            print("\n".join(wrong) or "all sounds come out as bundled")
            return int(bool(wrong))
        write(SOUNDS, options.sound_font, options.out)
    except MusiclibError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
