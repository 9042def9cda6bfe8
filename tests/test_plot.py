"""Figures show the numbers of their tables and the levels of their sounds, with names."""

import io
import itertools
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from musiclib import plot
from musiclib.errors import AudioError, MusiclibError
from musiclib.plot.sounds import decibels, mean_power, spectrogram_thumbnail
from musiclib.plot.style import CODEC_COLOURS, series_colours
from musiclib.stft import StftConfig
from tests.figure_fixture import RATE, book_style, silence, tone

__all__ = ["book_style"]

pytestmark = pytest.mark.usefixtures("book_style")


def rates(**ends):
    """Two points for each system, so that the last one says where its line ends."""
    rows = [
        (system, kbps, mean, mean - 0.25, mean + 0.5)
        for system, end in ends.items()
        for kbps, mean in ((24.0, end), (6.0, end - 1.0))
    ]
    return pd.DataFrame(rows, columns=["system", "kbps", "mean", "low", "high"])


def texts(axes):
    return {text.get_text(): text for text in axes.texts}


def boxes(axes):
    axes.figure.draw_without_rendering()
    # That of an annotation would hold its leader too.
    return [mpl.text.Text.get_window_extent(text) for text in axes.texts]


def test_curves_and_bands_lie_on_the_rows_and_labels_at_their_ends():
    figure, axes = plot.curves(rates(Opus=4.0, MP3=1.0), "kbps", label_at={"MP3": "left"})
    assert axes.figure is figure
    drawn = [line.get_xydata() for line in axes.lines]
    assert drawn[0] == pytest.approx(np.array([[6.0, 3.0], [24.0, 4.0]]))
    assert drawn[1] == pytest.approx(np.array([[6.0, 0.0], [24.0, 1.0]]))
    corners = axes.collections[0].get_paths()[0].vertices
    at_24 = corners[corners[:, 0] == 24.0, 1]
    assert (at_24.min(), at_24.max()) == (3.75, 4.5)
    found = texts(axes)
    assert {name: text.xy for name, text in found.items()} == {"Opus": (24, 4), "MP3": (6, 0)}
    box, end = found["Opus"].get_window_extent(), axes.transData.transform((24.0, 4.0))
    assert box.x0 > end[0]
    assert box.y0 < end[1] < box.y1
    assert axes.get_legend() is None


def test_curves_band_has_a_gap_where_a_bound_is_missing():
    table = pd.DataFrame({"system": "Opus", "kbps": [1.0, 2, 3, 4, 5], "mean": 1.0, "low": 0.0})
    table["high"] = [2.0, 2.0, np.nan, 2.0, 2.0]
    _, axes = plot.curves(table, "kbps")
    (band,) = axes.collections
    assert len(band.get_paths()) == 2


def test_of_panels_that_share_an_axis_one_names_it():
    _, panels = plt.subplots(1, 2, sharey=True)
    for panel in panels:
        plot.curves(rates(Opus=4.0), "kbps", axes=panel)
    assert [panel.yaxis.label.get_visible() for panel in panels] == [True, False]
    assert [panel.xaxis.label.get_visible() for panel in panels] == [True, True]


def test_labels_of_curves_that_meet_do_not_overlap():
    names = {f"system {number}": 4.0 + 0.001 * number for number in range(6)}
    _, axes = plot.curves(rates(**names), "kbps")
    ordered = sorted(boxes(axes), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(ordered))
    heights = [box.y0 for box in boxes(axes)]
    assert [axes.texts[place].get_text() for place in np.argsort(heights)] == list(names)


def test_a_codec_keeps_its_colour_and_its_label_can_be_read():
    _, axes = plot.curves(rates(Vorbis=3.0, MP3=2.0), "kbps")
    assert mpl.colors.to_hex(axes.lines[0].get_color()) == CODEC_COLOURS["vorbis"]
    shade = np.array(mpl.colors.to_rgb(texts(axes)["Vorbis"].get_color()))
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5


def differences():
    return pd.DataFrame(
        {
            "label": ["smaller", "level", "larger"],
            "mean": [-15.1, 0.04, 21.8],
            "low": [-19.0, -3.7, 18.0],
            "high": [-10.0, 3.8, 25.0],
            "part": ["coder", "network", "coder"],
        }
    )


def marks(axes):
    """Middle points of a figure by their heights: (value, whether filled)."""
    return {
        line.get_ydata()[0]: (line.get_xdata()[0], line.get_markerfacecolor() != "white")
        for line in axes.lines
        if line.get_marker() == "o"
    }


def test_forest_draws_a_row_for_each_difference():
    _, axes = plot.forest(differences(), unit="%", xlabel="Bits (%)")
    assert marks(axes) == {0: (-15.1, True), 1: (0.04, False), 2: (21.8, True)}
    intervals = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2][1:]
    assert intervals == [(-19.0, -10.0), (-3.7, 3.8), (18.0, 25.0)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["smaller", "level", "larger"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top
    assert axes.get_xlabel() == "Bits (%)"


def test_forest_groups_rows_and_leaves_one_without_interval_unsettled():
    table = differences()
    table.loc[0, ["low", "high"]] = np.nan
    _, axes = plot.forest(table, group="part", unit="%")
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["coder", "smaller", "larger", "network", "level"]
    assert marks(axes) == {1: (-15.1, False), 2: (21.8, True), 4: (0.04, False)}
    assert "\u221215.1\u00a0%" in texts(axes)


def accuracies():
    rows = [
        (category, system, mean, mean - 0.1, mean + 0.2)
        for category, mean in (("MFCC", 0.6), ("latents", 0.5))
        for system in ("one hour", "25 hours")
    ]
    return pd.DataFrame(rows, columns=["category", "system", "mean", "low", "high"])


def test_dots_show_values_and_intervals_by_category():
    _, axes = plot.dots(accuracies().iloc[::2], reference=0.14, reference_label="chance")
    assert axes.lines[1].get_xydata() == pytest.approx(np.array([[0.6, 0.0], [0.5, 1.0]]))
    bars = [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()]
    assert bars == [pytest.approx([0.5, 0.8]), pytest.approx([0.4, 0.7])]
    assert axes.lines[0].get_xdata() == [0.14, 0.14]
    assert "chance" in texts(axes)
    assert axes.figure.legends == []


def test_dots_of_several_systems_stand_apart_with_a_legend():
    _, axes = plot.dots(accuracies(), system="system")
    heights = [line.get_ydata() for line in axes.lines]
    assert np.all(np.diff(heights, axis=0) > 0.1)
    assert np.abs(heights - np.arange(2)).max() < 0.5  # still nearer to their row than to others
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one hour", "25 hours"]


def losses():
    steps = np.array([1, 10, 100])
    parts = {"training": steps**-0.5, "validation": steps**-0.25}
    return pd.concat(
        pd.DataFrame({"step": steps, "loss": loss, "part": part, "system": "64 values"})
        for part, loss in parts.items()
    )


def test_loss_curves_draw_both_parts_in_one_colour():
    _, axes = plot.loss_curves(losses())
    dashed, solid = axes.lines
    assert solid.get_ydata()[-1] == pytest.approx(100**-0.25)
    assert dashed.get_ydata()[-1] == pytest.approx(100**-0.5)
    assert solid.get_linestyle() == "-"
    assert dashed.get_linestyle() == "--"
    assert mpl.colors.same_color(solid.get_color(), dashed.get_color())
    assert axes.get_yscale() == "log"
    assert texts(axes)["64 values"].xy[0] == 100


def test_names_of_losses_stay_apart_where_training_begins_far_above():
    rows = [
        {"system": name, "part": part, "step": step, "loss": loss}
        for name, end in (("one", 0.250), ("two", 0.252), ("three", 0.255))
        for part, step, loss in (
            *(("training", 1, 20.0), ("training", 100, end)),
            *(("validation", 50, 0.3), ("validation", 100, end)),
        )
    ]
    _, axes = plot.loss_curves(pd.DataFrame(rows))
    placed = sorted(boxes(axes), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(placed))


@pytest.mark.parametrize("draw", [plot.forest, plot.dots, plot.loss_curves])
def test_what_a_table_lacks_is_named(draw):
    with pytest.raises(MusiclibError, match="lacks"):
        draw(pd.DataFrame({"other": [1.0]}))


@pytest.mark.parametrize("width", [2.0, 4.0, 8.0])
@pytest.mark.parametrize("span", [(0.1, 20.0), (8.0, 64.0), (1000.0, 1500.0)])
def test_numbers_of_a_logarithmic_axis_have_no_exponents_and_do_not_overlap(width, span):
    figure, axes = plt.subplots(figsize=(width, 3))
    table = pd.DataFrame({"system": "a", "kbps": span, "mean": [1.0, 2.0]})
    plot.curves(table, "kbps", log_x=True, axes=axes)
    figure.canvas.draw()
    left, right = axes.get_xlim()
    shown = [text for text in axes.get_xticklabels() if left <= text.get_position()[0] <= right]
    boxes = [text.get_window_extent() for text in shown]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    assert not any("$" in text.get_text() for text in shown)
    if span != (1000.0, 1500.0):
        assert len(boxes) >= 2


def test_colours_are_distinct_and_do_not_depend_on_the_order():
    genres = ["orchestral", "chiptune", "polka", "hip-hop", "opera", "blues"]
    colours = plot.genre_colours(genres)
    assert len(set(colours.values())) == len(genres)
    assert colours == plot.genre_colours(reversed(genres))
    codecs = [name for name in CODEC_COLOURS if name != "pcm"]  # PCM is the reference
    assert len({CODEC_COLOURS[name] for name in codecs}) == len(codecs)
    first, second, other, down = series_colours(
        ["Opus 6", "Opus 12", "some", "Downsampling 64", "some"]
    ).values()
    assert first == second != other
    assert down == CODEC_COLOURS["downsample"]


def test_the_spectrogram_of_a_tone_is_brightest_at_its_frequency():
    figure, axes = plot.spectrogram(tone(3000.0), RATE)
    picture = np.asarray(axes.images[0].get_array())
    assert int(np.argmax(picture.mean(axis=1))) == round(3000 / (RATE / 1024))
    assert picture.max() == pytest.approx(0.0)
    assert picture.min() >= -80.0
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Time (s)", "Frequency (kHz)")
    assert [other.get_ylabel() for other in figure.axes[1:]] == ["Level (dB)"]
    assert axes.get_xlim() == pytest.approx((0.0, 1.0))
    assert axes.get_ylim() == pytest.approx((0.0, 12.0))
    assert axes.images[0].get_extent()[2:] == pytest.approx((-0.0117, 12.0117), abs=1e-3)


def test_a_click_is_drawn_at_its_time():
    sound = silence(2.0)
    sound[36_000] = 1.0
    _, axes = plot.spectrogram(sound, RATE, StftConfig(512, 128))
    picture = np.asarray(axes.images[0].get_array())
    assert picture.shape[0] == 257
    left, right, *_ = axes.images[0].get_extent()
    columns = np.linspace(left, right, picture.shape[1] + 1)
    found = np.argmax(picture.mean(axis=0))
    assert columns[found] <= 1.5 <= columns[found + 1]


@pytest.mark.parametrize("draw", [plot.spectrogram, plot.song_overview])
@pytest.mark.parametrize("bad", [np.zeros(0, np.float32), np.full(2000, np.nan, np.float32)])
def test_unusable_audio_is_refused(draw, bad):
    with pytest.raises(AudioError):
        draw(bad, RATE)


def test_the_overview_keeps_peaks_and_magnifies_the_loudest_place():
    sound = 0.1 * tone(3000.0, seconds=10.0)
    sound[123_456] = -0.9
    _, (whole, part, mean, _) = plot.song_overview(sound, RATE)
    drawn = whole.collections[0].get_paths()[0].vertices
    assert drawn[:, 1].min() == pytest.approx(-0.9)
    assert drawn[np.argmin(drawn[:, 1]), 0] == pytest.approx(123_456 / RATE, abs=0.02)
    (zoomed,) = part.lines
    assert (zoomed.get_xdata()[0], zoomed.get_ydata()[0]) == pytest.approx((123_456 / RATE, -0.9))
    (line,) = mean.lines
    peak = np.argmax(line.get_ydata())
    assert line.get_xdata()[peak] == pytest.approx(3.0, abs=0.012)
    assert line.get_ydata()[peak] == pytest.approx(0.0)


def test_masked_and_heard_tones_are_named_by_the_formulas():
    _, axes = plot.masking_threshold([(1000.0, 80.0)], [(1100.0, 20.0), (6000.0, 40.0)])
    assert [text.get_text() for text in axes.texts] == ["loud tone", "masked", "heard"]


def test_decibels_are_relative_and_floored_and_fewer_columns_keep_the_energy():
    power = np.array([1.0, 0.1, 1e-12, 10.0], np.float32)
    assert decibels(power, 1.0, -60.0) == pytest.approx([0.0, -10.0, -60.0, 10.0])
    power = np.random.default_rng(0).random((5, 999)).astype(np.float32)
    fewer = mean_power(power, 100)
    assert mean_power(power, 2000) is power
    sizes = np.diff(np.linspace(0, 999, 101).round())
    assert (fewer * sizes).sum(axis=1) == pytest.approx(power.sum(axis=1), rel=1e-5)


def test_channels_are_mixed_and_locked_sounds_are_read_without_warnings(recwarn):
    assert plot.stft_power(np.stack([tone(), -tone()])).max() == pytest.approx(0.0, abs=1e-6)
    locked = tone()
    locked.flags.writeable = False  # as memory-mapped ones are
    assert np.array_equal(plot.stft_power(locked), plot.stft_power(tone()))
    assert not list(recwarn)


@pytest.mark.parametrize(("sound", "row"), [(tone(3000.0), 108), (silence(0.1), None)])
def test_a_thumbnail_is_small_and_has_the_tone_at_its_height(sound, row):
    data, suffix = spectrogram_thumbnail(sound)
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (560, 144)
    assert suffix == f".{picture.format.lower()}"
    assert len(data) < 4_000
    brightness = np.asarray(picture.convert("L"), float).mean(axis=1)
    if row is None:
        assert brightness.max() < 5
    else:
        assert np.argmax(brightness) == pytest.approx(row, abs=2)
