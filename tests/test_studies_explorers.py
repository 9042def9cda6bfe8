"""What the chapters' explorers show: more bits are better, narrower places worse."""

import numpy as np
import pytest
from bs4 import BeautifulSoup

from musiclib.codecs import supported_kbps
from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.explore.page import page
from musiclib.figures import levels
from musiclib.listen.media import MediaStore
from musiclib.stft import StftConfig
from musiclib.studies import explorers
from musiclib.studies.explorers.measured import measure, thinned
from musiclib.studies.explorers.windows import costs, region
from musiclib.training.trained import trained

RATE = 24_000
NARROW = 8_000


def music(rate: int, seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """Three decaying notes a second over a little noise."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    notes = sum(
        np.sin(2 * np.pi * hertz * times) * np.exp(-4 * ((times + shift) % 1.0))
        for hertz, shift in ((220, 0.0), (660, 0.3), (1980, 0.6))
    )
    return (0.15 * notes + 0.01 * generator.standard_normal(len(times))).astype(np.float32)


def number(text: str) -> float:
    return float(text.split()[0].replace(",", "").replace("\N{MINUS SIGN}", "-"))


@pytest.fixture(scope="module")
def codecs():
    return explorers.bitrates(music(RATE), RATE, "notes")


@pytest.fixture(scope="module")
def checkpoints():
    return {size: trained(f"frequency-{size}", open_dataset("mini")) for size in (32, 128, 512)}


@pytest.fixture(scope="module")
def narrowing(checkpoints):
    return explorers.bottleneck(checkpoints, music(NARROW), "notes")


def fact(explorer, name, pane=0, **setting) -> float:
    return number(explorer.at(setting).panes[pane].facts[name])


@pytest.mark.parametrize("codec", ["mp3", "aac", "opus", "vorbis"])
def test_the_measured_bitrate_falls_with_the_slider_and_so_does_quality(codecs, codec) -> None:
    rates = [s["kbps"] for s in codecs.settings() if s["codec"] == codec]
    assert len(rates) >= 5
    real = [fact(codecs, "Real bitrate", codec=codec, kbps=kbps) for kbps in rates]
    assert real == sorted(real)
    ends = [fact(codecs, "LSD", codec=codec, kbps=kbps) for kbps in (rates[0], rates[-1])]
    assert ends[0] > ends[1] + 2
    assert fact(codecs, "MOS", codec=codec, kbps=rates[0]) < fact(
        codecs, "MOS", codec=codec, kbps=rates[-1]
    )


def test_a_codec_is_offered_no_rate_that_it_does_not_have(codecs) -> None:
    offered = {(s["codec"], s["kbps"]) for s in codecs.settings()}
    assert ("opus", 6) in offered
    assert ("mp3", 6) not in offered
    assert ("mp3", 12) not in offered
    for codec, kbps in offered:
        known = supported_kbps(codec, RATE)
        assert known[0] <= kbps <= known[-1]


def test_decoded_sound_is_aligned_with_the_original_and_as_long(codecs) -> None:
    original = codecs.always.panes[0].audio
    for codec in ("mp3", "aac", "opus", "vorbis"):
        decoded = codecs.at({"codec": codec, "kbps": 128}).panes[0].audio
        assert decoded.shape == original.shape
        assert np.corrcoef(decoded, original)[0, 1] > 0.98


def test_longer_windows_resolve_frequency_more_finely_and_hops_cost_numbers() -> None:
    facts = [costs(StftConfig(n, n // 4), RATE) for n in (128, 512, 2048)]
    for name in ("Bins every", "A tone is smeared over", "Frames a second"):
        values = [number(each[name]) for each in facts]
        assert values == sorted(values, reverse=True)
    assert [number(each["Window"]) for each in facts] == [5.3, 21.3, 85.3]
    assert len({each["Numbers a second"] for each in facts}) == 1
    dense, sparse = (costs(StftConfig(512, hop), RATE) for hop in (64, 256))
    assert number(dense["Numbers a sample"]) == 4 * number(sparse["Numbers a sample"]) == 8
    assert number(dense["Numbers a second"]) == 8 * RATE


def test_two_tones_part_in_long_windows_and_two_clicks_in_short_ones() -> None:
    explorer = explorers.windows(music(RATE), RATE, "notes")
    short, long = ({"window": n, "overlap": 4} for n in (256, 4096))
    assert fact(explorer, "Tones part by", 1, **short) < 1
    assert fact(explorer, "Tones part by", 1, **long) > 30
    assert fact(explorer, "Clicks part by", 1, **short) > 30
    assert fact(explorer, "Clicks part by", 1, **long) < 1
    # With half the numbers, phases are found less well.
    half, quarter = ({"window": 1024, "overlap": n} for n in (2, 4))
    assert fact(explorer, "MOS", **half) < fact(explorer, "MOS", **quarter)


def test_a_part_of_a_spectrogram_has_a_tone_at_its_frequency_and_a_click_at_its_time() -> None:
    audio = 0.3 * np.sin(2 * np.pi * 750 * np.arange(RATE) / RATE).astype(np.float32)
    audio[RATE // 4] += 0.9
    for window in (128, 1024, 4096):
        config = StftConfig(window, window // 4)
        power = levels.stft_power(audio, config)
        shown = region(power, config, RATE, (0.0, 1.0), (0.0, 3000.0))
        height, width = shown.shape
        assert abs(shown.mean(axis=1).argmax() / height - 0.25) <= RATE / window / 3000 + 0.02
        above = shown[height // 2 :].mean(axis=0)
        assert abs(above.argmax() / width - 0.25) <= window / RATE + 0.02


def test_more_latents_do_not_hurt_and_rounding_makes_files_smaller(narrowing) -> None:
    sizes = (32, 128, 512)
    errors = [fact(narrowing, "Spectral RMSE", latents=size, rounding="exact") for size in sizes]
    assert errors == sorted(errors, reverse=True)
    for size in sizes:
        real = [
            fact(narrowing, "Real bitrate", latents=size, rounding=how)
            for how in ("fine", "coarse", "crude")
        ]
        assert real == sorted(real, reverse=True)
        nominal = narrowing.at({"latents": size, "rounding": "fine"}).facts["Nominal bitrate"]
        assert number(nominal) > real[0]


def test_without_rounding_there_is_no_file_to_measure(narrowing) -> None:
    pane = narrowing.at({"latents": 32, "rounding": "exact"}).panes[0]
    assert pane.facts["Real bitrate"] == "no file"


@pytest.mark.parametrize(
    ("sound", "rate"),
    [
        (np.zeros(RATE // 2, np.float32), RATE),
        (music(RATE, 0.5), RATE),
        (music(RATE, 0.05), RATE),
    ],
    ids=["silence", "half a second", "a moment"],
)
def test_odd_clips_make_pages(checkpoints, sound, rate, tmp_path) -> None:
    store = MediaStore(tmp_path, "media")
    narrow = sound[:: rate // NARROW].copy()
    made = [
        explorers.windows(sound, rate, "A <b>", "smoke"),
        explorers.bitrates(sound, rate, "A <b>", "smoke"),
        explorers.bottleneck(checkpoints, narrow, "A <b>", "smoke"),
    ]
    for explorer in made:
        html = page(explorer, store).html
        assert "<b>" not in html
        items = BeautifulSoup(html, "html.parser").select("[data-mx-at]")
        assert 4 <= len(items) <= 8
        assert "nan" not in html


def test_a_small_grid_keeps_both_ends() -> None:
    assert thinned((1, 2, 3), "smoke") == (1, 3)
    assert thinned((1, 2, 3), "mini") == (1, 2, 3)
    with pytest.raises(DatasetError, match="profile"):
        thinned((1, 2), "fast")


def test_what_a_metric_refuses_is_said_in_words() -> None:
    silent = np.zeros(NARROW, np.float32)
    assert measure("si_sdr", silent, silent, NARROW) in ("not defined", "not defined dB")
