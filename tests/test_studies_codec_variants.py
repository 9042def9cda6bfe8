"""The codec with one part changed at a time, on small sounds and with small networks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.codecs import get_codec
from musiclib.codecs.neural.entropy import ContextTables
from musiclib.codecs.neural.entropy.baselines import StaticTables
from musiclib.datasets import Clip
from musiclib.models.learned_transform import LearnedTransform, LearnedTransformConfig
from musiclib.models.restorer import Restorer, RestorerConfig
from musiclib.models.transform import Setting, analyse, synthesise
from musiclib.studies.codec import figures, findings, gains, material, tables, variants
from musiclib.training.recipes import RESTORER
from musiclib.training.trained import find_shipped

RATE = 24_000
GAINS = (90, 150)


def clip(name: str, seed: int, seconds: float = 1.5) -> Clip:
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * times) for hertz in generator.uniform(100, 6000, 12))
    fade = np.exp(-3.0 * (times % 0.5))
    audio = (0.05 * tones * fade + 0.01 * generator.standard_normal(len(times))).astype(np.float32)
    return Clip(track_id=name, audio=audio, sample_rate=RATE, genre="x", artist="y", title=name)


CLIPS = [clip("a", 1), clip("b", 2)]


@pytest.fixture(scope="module")
def parts() -> variants.Parts:
    torch.manual_seed(0)
    untrained = ContextTables.untrained()
    static = StaticTables.empty()
    for gain in GAINS:
        static.count(analyse(clip("c", 3).audio, Setting(gain)), gain)
    return variants.Parts(
        trained=untrained,
        untrained=untrained,
        restorers={RESTORER: Restorer(RestorerConfig(width=8, blocks=1)).eval()},
        transforms={"learned": LearnedTransform(LearnedTransformConfig(width=0)).eval()},
        static=static,
    )


@pytest.fixture(scope="module")
def table(parts) -> pd.DataFrame:
    compared = variants.compare_parts(CLIPS, GAINS, parts)
    other = {"plain": [get_codec("downsample", factor=8), get_codec("downsample", factor=2)]}
    return pd.concat([compared, variants.compare_codecs(CLIPS, other)])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def mean(table: pd.DataFrame, variant: str, column: str, gain: int = 150) -> float:
    part = table[(table["codec"] == variant) & (table["gain"] == gain)]
    assert len(part) == len(CLIPS)
    return float(part[column].mean())


def test_an_untrained_network_changes_nothing(table, parts):
    # Its last layer is zero, so the sound is that of the coder without it.
    frames = analyse(CLIPS[0].audio, Setting(150))
    plain = synthesise(frames, 150, len(CLIPS[0].audio))
    network = parts.restorers[RESTORER]
    with_network = variants.restored(network, frames, 150, len(CLIPS[0].audio))
    np.testing.assert_allclose(with_network, plain, atol=1e-5)
    for column in ("kbps", *variants.METRIC_NAMES):
        same = mean(table, variants.BASE, column)
        assert mean(table, variants.RESTORED, column) == pytest.approx(same, rel=1e-3)


def test_parts_that_save_bits_save_bits(table):
    base = mean(table, variants.BASE, "kbps")
    assert mean(table, variants.ROUNDING, "kbps") > base
    assert mean(table, variants.UNSMOOTHED, "kbps") > base
    assert mean(table, variants.BASE, "kbps", 90) > 1.5 * base


def test_entropy_models_differ_in_bits_alone(table):
    spent = {name: mean(table, variants.entropy(name), "kbps") for name in variants.ENTROPY_NAMES}
    assert spent[variants.RAW] > spent[variants.STATIC]
    assert spent[variants.ADAPTIVE] > spent[variants.UNTRAINED]
    assert spent[variants.TRAINED] == spent[variants.UNTRAINED]  # here they are the same tables
    for name in variants.ENTROPY_NAMES:
        for metric in variants.METRIC_NAMES:
            base = mean(table, variants.BASE, metric)
            assert mean(table, variants.entropy(name), metric) == base


def test_real_bytes_are_close_to_the_ideal_code_length(table):
    assert 0.0 < tables.overhead(table, variants.TRAINED) < 2.0
    shares = tables.shares(table, variants.TRAINED, (variants.STATIC, variants.TRAINED))
    assert shares[variants.TRAINED] == 1.0
    static = variants.entropy(variants.STATIC)
    expected = table[table["codec"] == variants.entropy(variants.TRAINED)]["kbps"].sum()
    assert shares[variants.STATIC] == pytest.approx(
        expected / table[table["codec"] == static]["kbps"].sum()
    )


def test_every_variant_is_compared_with_what_differs_in_one_part(table):
    pairs = variants.ablation(table)
    nothing = variants.entropy(variants.UNTRAINED)
    assert ("plain", variants.BASE) in pairs
    assert ("transform: learned", nothing) in pairs
    assert (variants.RESTORED, variants.BASE) in pairs
    assert (variants.RESTORED, nothing) in pairs
    assert (variants.entropy(variants.TRAINED), variants.entropy(variants.STATIC)) in pairs
    found = gains.savings(table, pairs)
    row = found[(found["codec"] == variants.RESTORED) & (found["reference"] == nothing)].iloc[0]
    assert row["zimtohrli_mos"].mean == pytest.approx(0.0, abs=0.5)
    better = found[found["reference"] == variants.entropy(variants.STATIC)].iloc[0]
    for metric in gains.METRIC_NAMES:
        assert better[metric].mean < 0.0
    called = variants.called(table)
    assert set(called) == set(table["codec"])
    shown = tables.savings_table(found, called)
    assert len(shown) == len(pairs)
    numbers = findings.part_numbers(found)
    assert numbers["stft"] == "plain"
    assert "bits at equal" in str(numbers["part_learned"])
    missing = findings.part_numbers(found[found["codec"] != variants.RESTORED])
    assert missing["part_restorer"] == "not measured"
    assert "bits at equal" in str(missing["part_transform"])
    plain = found[~found["codec"].str.startswith("transform: ")]
    assert findings.part_numbers(plain)["part_transform"] == "not measured"


def test_figures_draw_each_variant_once(table):
    drawn = variants.drawn(table)
    assert variants.RESTORED in drawn
    _figure, axes = figures.variants(table, drawn, variants.METRIC_NAMES)
    assert len(axes) == 2
    assert len(axes[0].get_lines()) == len(drawn)
    restorers = variants.restorers(table)
    assert restorers == {variants.RESTORED: RESTORER}
    _figure, axes = figures.repairs(table, restorers, variants.BASE, variants.METRIC_NAMES)
    np.testing.assert_allclose(axes[0].get_lines()[0].get_ydata(), 0.0, atol=0.01)
    _figure, panel = figures.entropy_models(table, variants.ENTROPY_NAMES, variants.STATIC)
    lines = {line.get_label(): line.get_ydata() for line in panel.get_lines()}
    np.testing.assert_allclose(lines["static tables"], 100.0)
    assert (lines["mixing, from nothing"] < lines["adaptive contexts"]).all()
    shown = tables.entropy_table(table, variants.ENTROPY_NAMES, variants.STATIC)
    assert shown.index.tolist() == list(variants.ENTROPY_NAMES.values())
    assert shown.loc["static tables", "of static tables (%)"] == "100.0"


@pytest.mark.parametrize(
    "name",
    [*material.networks(material.RESTORER_KIND), *material.networks(material.TRANSFORM_KIND)],
)
def test_networks_that_the_chapter_compares_are_shipped(name):
    assert find_shipped(f"{name}.safetensors"), f"the chapter has no row for it; train {name}"
