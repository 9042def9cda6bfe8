import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.models import FrequencyConfig, WaveformConfig, build_model
from musiclib.studies.autoencoders import denoising, drawing, figures, linear, shapes, spectral


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def words(figure) -> str:
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


@pytest.mark.parametrize(
    "config",
    [
        FrequencyConfig(latent=48, width=8, blocks=2),
        WaveformConfig(sample_rate=8_000, width=24, filters=32, blocks=2),
        WaveformConfig(sample_rate=8_000, width=24, filters=32, spine=False),
        FrequencyConfig(latent=48, blocks=0),
    ],
    ids=["frequency", "waveform", "no spine", "spine alone"],
)
def test_a_drawing_shows_the_shapes_and_weights_of_the_model(config):
    model = build_model(config).eval()
    trace = shapes.trace(model, 2.032)
    figure, axes = drawing.architecture(trace, "A model")
    shown = words(figure)
    assert "A model" in shown
    assert drawing._shape(trace.latent_shape) in shown
    for stage in trace.stages:
        assert f"{stage.parameters:,}" in shown
    figure.canvas.draw()
    inside = figure.bbox.padded(1.0)
    for text in axes.texts:
        box = text.get_window_extent()
        if text.get_text():
            assert inside.x0 <= box.x0 <= box.x1 <= inside.x1, text.get_text()
            assert inside.y0 <= box.y0 <= box.y1 <= inside.y1, text.get_text()


def test_boxes_grow_with_the_values_a_second():
    trace = shapes.trace(build_model(FrequencyConfig(latent=48)).eval(), 2.032)
    scale = drawing._Scale(trace)
    assert scale(trace.latent_per_second) == pytest.approx(drawing.SHORTEST)
    assert drawing.SHORTEST < scale(trace.input_per_second) <= drawing.TALLEST + 1e-9


def test_the_race_shows_the_floor():
    rows = torch.randn(200, 12, generator=torch.Generator().manual_seed(0))
    _, axes = figures.race(linear.linear_race(rows, 3, 20), 3)
    assert axes.get_lines()[0].get_ydata()[0] > axes.get_lines()[1].get_ydata()[0]
    assert axes.get_legend() is not None


def test_the_bend_names_what_each_version_loses():
    glide = linear.glide(40, 24, low=4.0, high=20.0)
    _, axes = figures.bend(glide, {"flat": linear.principal_version(glide, 1), "copy": glide})
    titles = [panel.get_title(loc="left") or panel.get_title() for panel in axes]
    assert titles[0] == "The tone"
    assert titles[2] == "copy\n0 % lost"


def test_spectrograms_share_their_scale():
    pictures = {name: np.full((5, 9), level) for name, level in (("a", -3.0), ("b", -60.0))}
    figure, axes = figures.spectrograms(pictures, 2.0, 4.0, -52.0, columns=3)
    assert len(axes) == 2
    assert {panel.images[0].get_clim() for panel in axes} == {(-52.0, 0.0)}
    assert len(figure.axes) == 3  # with the scale; the empty panel is gone


def test_narrowing_draws_every_size_in_both_directions():
    errors = pd.DataFrame(
        [
            {"clip": clip, "size": size, "spectral_rmse": error + clip / 100}
            for clip in range(3)
            for size, error in ((64, 0.2), (16, 0.4), (0, 0.7))
        ]
    )
    details = pd.DataFrame(
        [
            {"size": size, "direction": direction, "ripple": float(ripple), "lost": 0.3}
            for size in (64, 16)
            for direction in (spectral.FREQUENCY, spectral.TIME)
            for ripple in (50, 100)
        ]
    )
    _, axes = figures.narrowing(errors, details)
    assert len(axes[1].get_lines()) == len(axes[2].get_lines()) == 2


def test_the_sweep_draws_clean_input_for_both_kinds_of_damage():
    table = pd.DataFrame(
        [
            {"clip": clip, "kind": kind, "amount": amount, "model": name, "spectral_rmse": 0.3}
            for clip in range(2)
            for kind, amount in (("none", 0.0), ("masking", 0.3), ("gaussian", 0.5))
            for name in (denoising.INPUT, "plain")
        ]
    )
    styles = {denoising.INPUT: "#7f7f7f", "plain": "#0072b2"}
    _, axes = figures.denoising_sweep(table, styles)
    assert list(axes[0].get_lines()[0].get_xdata()) == [0.0, 30.0]
    assert list(axes[1].get_lines()[0].get_xdata()) == [0.0, 50.0]


def test_spectra_and_histograms_are_drawn():
    level = np.linspace(0.0, -60.0, 129)
    _, axes = figures.average_spectra({"original": level, "copy": level - 3}, 8_000, 500.0)
    assert axes.get_lines()[0].get_xdata()[-1] == 4.0
    values = np.random.default_rng(0).normal(size=500)
    _, panels = figures.quantised_latent([values, values / 9], 0.5, ["wide", "narrow"])
    cells = [patch.get_height() for patch in panels[1].patches]
    assert max(cells) > 1.5  # nearly all in one cell of width 0.5
