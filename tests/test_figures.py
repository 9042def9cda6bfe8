"""Pictures of sounds are the sounds, on labelled axes."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from musiclib import figures
from musiclib.errors import AudioError
from musiclib.figures.levels import decibels, mean_power, stft_power
from musiclib.figures.picture import figure_png
from musiclib.figures.thumbnails import spectrogram_thumbnail
from tests.figure_fixture import RATE, book_style, labels_of, silence, tone

__all__ = ["book_style"]
pytestmark = pytest.mark.usefixtures("book_style")


def test_a_waveform_draws_every_sample_of_a_short_part():
    sound = tone(440.0)
    _, axes = figures.waveform(sound, RATE, start_s=0.5, duration_s=0.01)
    line = axes.lines[0]
    assert line.get_ydata() == pytest.approx(sound[12_000:12_240])
    assert line.get_xdata()[0] == pytest.approx(0.5)
    assert labels_of(axes) == ("Time (s)", "Amplitude")


def test_a_long_waveform_keeps_its_peaks():
    sound = silence(10.0)
    sound[123_456] = -0.9
    _, axes = figures.waveform(sound, RATE)
    drawn = axes.collections[0].get_paths()[0].vertices
    assert drawn[:, 1].min() == pytest.approx(-0.9)
    assert drawn[np.argmin(drawn[:, 1]), 0] == pytest.approx(123_456 / RATE, abs=0.02)


def test_waveforms_over_each_other_have_a_legend():
    _, axes = figures.waveform({"one": tone(), "two": tone(500.0)}, RATE, duration_s=0.01)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]


def test_a_part_outside_of_the_sound_is_refused():
    with pytest.raises(AudioError, match=r"1\.0 s long"):
        figures.waveform(tone(), RATE, start_s=2.0)


def test_the_spectrum_of_a_tone_peaks_at_its_frequency():
    _, axes = figures.spectrum(tone(3000.0), RATE)
    line = axes.lines[0]
    peak = np.argmax(line.get_ydata())
    assert line.get_xdata()[peak] == pytest.approx(3.0, abs=0.012)
    assert line.get_ydata()[peak] == pytest.approx(0.0)
    assert labels_of(axes) == ("Frequency (kHz)", "Mean level (dB)")


def test_spectra_share_the_first_ones_reference():
    _, axes = figures.spectrum({"loud": tone(level=0.5), "soft": tone(level=0.05)}, RATE)
    loud, soft = (line.get_ydata().max() for line in axes.lines)
    assert (loud, soft) == (pytest.approx(0.0), pytest.approx(-20.0, abs=0.01))


@pytest.mark.parametrize("frequency_axis", ["linear", "log", "mel"])
def test_the_spectrogram_of_a_tone_is_brightest_at_its_frequency(frequency_axis):
    figure, axes = figures.spectrogram(tone(3000.0), RATE, frequency_axis=frequency_axis)
    picture = np.asarray([*axes.images, *axes.collections][0].get_array())
    row = int(np.argmax(picture.mean(axis=1)))
    assert row == round(3000 / (RATE / 1024))
    assert picture.max() == pytest.approx(0.0)
    assert picture.min() >= -80.0
    assert labels_of(axes) == ("Time (s)", "Frequency (kHz)")
    assert [other.get_ylabel() for other in figure.axes[1:]] == ["Level (dB)"]


def test_a_spectrogram_spans_the_sound_and_half_the_rate():
    _, axes = figures.spectrogram(tone(seconds=1.0), RATE)
    assert axes.get_xlim() == pytest.approx((0.0, 1.0))
    assert axes.get_ylim() == pytest.approx((0.0, 12.0))
    left, right, bottom, top = axes.images[0].get_extent()
    assert left <= 0.0 < 1.0 <= right + 256 / RATE
    assert (bottom, top) == pytest.approx((-0.0117, 12.0117), abs=1e-3)


def test_a_click_is_drawn_at_its_time():
    sound = silence(2.0)
    sound[36_000] = 1.0
    _, axes = figures.spectrogram(sound, RATE)
    picture = np.asarray(axes.images[0].get_array())
    left, right, *_ = axes.images[0].get_extent()
    columns = np.linspace(left, right, picture.shape[1] + 1)
    found = np.argmax(picture.mean(axis=0))
    assert columns[found] <= 1.5 <= columns[found + 1]


def test_silence_is_at_the_floor():
    _, axes = figures.spectrogram(silence(), RATE, floor_db=-70.0)
    assert np.all(np.asarray(axes.images[0].get_array()) == -70.0)


@pytest.mark.parametrize("draw", [figures.spectrogram, figures.waveform, figures.song_overview])
@pytest.mark.parametrize("bad", [np.zeros(0, np.float32), np.full(2000, np.nan, np.float32)])
def test_unusable_audio_is_refused(draw, bad):
    with pytest.raises(AudioError):
        draw(bad, RATE)


def test_the_overview_magnifies_the_loudest_place():
    sound = 0.1 * tone()
    sound[6_000] = 0.9
    _, panels = figures.song_overview(sound, RATE)
    zoomed = panels[1].lines[0]
    assert zoomed.get_xdata()[0] == pytest.approx(0.25)
    assert zoomed.get_ydata()[0] == pytest.approx(0.9)


def test_masked_and_heard_tones_are_named_by_the_formulas():
    _, axes = figures.masking_threshold([(1000.0, 80.0)], [(1100.0, 20.0), (6000.0, 40.0)])
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["loud tone", "masked", "heard"]
    assert labels_of(axes) == ("Frequency (kHz)", "Level (dB SPL)")


@pytest.mark.parametrize(("rate", "samples"), [(8_000, 200), (96_000, 3_000)])
def test_short_sounds_of_any_rate_are_drawn_without_warnings(rate, samples, recwarn):
    sound = np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)
    figures.song_overview(sound, rate)
    for number in plt.get_fignums():
        figure_png(plt.figure(number))
    assert [str(warning.message) for warning in recwarn] == []


def test_decibels_are_relative_and_floored():
    power = np.array([1.0, 0.1, 1e-12, 10.0], np.float32)
    assert decibels(power, 1.0, -60.0) == pytest.approx([0.0, -10.0, -60.0, 10.0])
    with pytest.raises(ValueError, match="below 0"):
        decibels(power, 1.0, 0.0)


def test_fewer_columns_keep_the_energy():
    power = np.random.default_rng(0).random((5, 999)).astype(np.float32)
    fewer = mean_power(power, 100)
    assert fewer.shape == (5, 100)
    assert mean_power(power, 2000) is power
    sizes = np.diff(np.linspace(0, 999, 101).round())
    assert (fewer * sizes).sum(axis=1) == pytest.approx(power.sum(axis=1), rel=1e-5)


def test_channels_are_mixed():
    assert stft_power(np.stack([tone(), -tone()])).max() == pytest.approx(0.0, abs=1e-6)


def test_sounds_that_cannot_be_written_to_are_drawn_without_warnings(recwarn):
    sound = tone()
    locked = sound.copy()
    locked.flags.writeable = False  # as memory-mapped ones are
    assert np.array_equal(stft_power(locked), stft_power(sound))
    assert not locked.flags.writeable
    assert not list(recwarn)


def test_a_thumbnail_is_small_and_has_the_tone_at_its_height():
    thumbnail = spectrogram_thumbnail(tone(3000.0), width=200, height=80)
    picture = Image.open(io.BytesIO(thumbnail.data))
    assert picture.size == (thumbnail.width, thumbnail.height) == (200, 80)
    assert thumbnail.suffix == f".{picture.format.lower()}"
    assert len(thumbnail.data) < 4_000
    brightness = np.asarray(picture.convert("L"), float).mean(axis=1)
    assert np.argmax(brightness) == pytest.approx(80 - 80 * 3 / 12, abs=2)


def test_thumbnails_of_short_and_silent_sounds_are_dark_and_of_full_size():
    thumbnail = spectrogram_thumbnail(silence(0.1), width=200, height=80)
    picture = Image.open(io.BytesIO(thumbnail.data))
    assert picture.size == (200, 80)
    assert np.asarray(picture.convert("L")).max() < 5


def test_a_published_figure_is_small_and_keeps_white_and_size():
    figure, _ = figures.spectrogram(tone(seconds=3.0), RATE)
    plain = io.BytesIO()
    figure.savefig(plain, format="png")
    small = figure_png(figure)
    assert len(small) < len(plain.getvalue()) / 2
    before = np.asarray(Image.open(plain).convert("RGB"), int)
    after = np.asarray(Image.open(io.BytesIO(small)).convert("RGB"), int)
    assert before.shape == after.shape
    assert tuple(after[0, 0]) == (255, 255, 255)
    assert np.abs(before - after).mean() < 2.0


@pytest.mark.parametrize("colours", [3, 400])
def test_the_ground_of_a_published_figure_stays_white_beside_shades_of_white(colours):
    figure, axes = plt.subplots()
    axes.axis("off")
    axes.imshow(np.linspace(0.9, 0.999, colours)[None, :], cmap="gray", vmin=0, vmax=1)
    axes.axhspan(0.2, 0.5, color=(252 / 255, 252 / 255, 252 / 255))
    after = np.asarray(Image.open(io.BytesIO(figure_png(figure))).convert("RGB"))
    assert tuple(after[0, 0]) == (255, 255, 255)


def test_drawing_into_given_axes_makes_no_figure():
    figure, axes = plt.subplots()
    figures.spectrogram(tone(), RATE, axes=axes, colourbar=False)
    assert len(plt.get_fignums()) == 1
    assert figures.waveform(tone(), RATE, axes=axes)[0] is figure
