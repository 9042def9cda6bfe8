import matplotlib.pyplot as plt
import pytest

from musiclib.models import FrequencyConfig, WaveformConfig, build_model
from musiclib.studies.autoencoders import drawing, shapes


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
