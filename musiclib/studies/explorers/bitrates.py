"""Explorer of the traditional codecs: real files of one clip at many bitrates."""

from typing import Final

from musiclib.audio import FloatArray
from musiclib.codecs import CODEC_TITLES, get_codec, supported_kbps
from musiclib.evaluate import align
from musiclib.explore import Control, Explorer, Frame, Pane, sound_picture
from musiclib.figures import levels
from musiclib.listen.sound import kbps_text
from musiclib.metrics import bitrate_kbps
from musiclib.studies.explorers.measured import measure

CODECS: Final = ("mp3", "aac", "opus", "vorbis")
KBPS: Final = (6, 8, 12, 16, 24, 32, 64, 128)
FINE_KBPS: Final = (6, 8, 12, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 320)
SECONDS: Final = 5.0


def bitrates(audio: FloatArray, sample_rate: int, title: str, profile: str = "mini") -> Explorer:
    """Explorer of codecs and bitrates.

    Args:
        audio: A clip, ``(N,)``; its first seconds are used.
        sample_rate: In Hz.
        title: Of the clip.
        profile: `smoke` for a small grid.

    Returns:
        Explorer whose frames hold what comes out of a real file, with its bitrate, log-spectral
        distance and predicted MOS. Where a codec has no such bitrate, there is no setting.
    """
    clip = audio[: round(SECONDS * sample_rate)]
    loudest = float(levels.stft_power(clip).max())
    rates = {name: supported_kbps(name, sample_rate) for name in CODECS}

    def exists(codec: str, kbps: int) -> bool:
        # MP3 has its bitrates and no others; the rest take any value in between.
        if codec == "mp3":
            return kbps in rates[codec]
        return rates[codec][0] <= kbps <= rates[codec][-1]

    def frame(codec: str, kbps: int) -> Frame:
        chosen = get_codec(codec, kbps)
        data = chosen.encode(clip, sample_rate)
        decoded = align(*chosen.decode(data), clip, sample_rate)
        facts = {
            "Real bitrate": kbps_text(bitrate_kbps(len(data), len(clip) / sample_rate)),
            "LSD": measure("log_spectral_distance", clip, decoded, sample_rate, 1),
            "MOS": measure("zimtohrli_mos", clip, decoded, sample_rate),
        }
        label = f"{title}, {chosen.label}"
        drawn = sound_picture(decoded, sample_rate, label, loudest)
        return Frame((Pane("Decoded", drawn, decoded, sample_rate, facts),))

    small = profile == "smoke"
    pcm = {"16-bit samples": kbps_text(16 * sample_rate / 1000)}
    first = sound_picture(clip, sample_rate, f"{title}, original", loudest)
    return Explorer(
        "bitrates",
        "Four codecs, many bitrates",
        (
            Control("codec", "Codec", CODECS, words={n: CODEC_TITLES[n] for n in CODECS}),
            Control(
                "kbps", "Bitrate asked for", (8, 64) if small else KBPS, "kbps", fine=FINE_KBPS
            ),
        ),
        frame,
        f"{title}: a real file for each setting, decoded. The bitrate counts all its bytes. Both "
        "spectrograms have the same colours, and both sounds their true level.",
        Frame((Pane("Original", first, clip, sample_rate, pcm),)),
        exists,
    )
