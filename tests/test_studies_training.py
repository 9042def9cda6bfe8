"""The chapter on training: what it says follows from the histories."""

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.metrics import Interval
from musiclib.studies.training import families, figures, findings, runs, tables
from musiclib.training import TrainConfig
from musiclib.training.recipes import RECIPES, RESTORER

TERMS = ("noise_to_signal_db", "log_spectral_db")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def run(name="deep-16", train=(), validation=((0, 1.0),), **changes) -> runs.Run:
    """A training from (step, loss) pairs."""
    steps = train[-1][0] if train else 0
    rows = [(step, loss, 1e-3, 0.5, 1.0 * step) for step, loss in train]
    columns = ["step", "loss", "learning_rate", "gradient_norm", "seconds"]
    made = runs.Run(
        name=name,
        kind="any",
        config=TrainConfig(steps=steps, batch_size=4, segment_s=2.0),
        train=pd.DataFrame(rows, columns=columns).set_index("step"),
        validation=pd.DataFrame(
            [(step, loss, loss, 2.0 * loss) for step, loss in validation],
            columns=["step", "loss", *TERMS],
        ).set_index("step"),
        best_step=min(validation, key=lambda pair: pair[1])[0],
        seconds=60.0,
        threads=2,
        device="cpu",
        parameters=1000,
        n_bytes=4_000_000,
        train_seconds=100.0,
        validation_seconds=50.0,
    )
    return replace(made, **changes)


def every_run() -> dict[str, runs.Run]:
    """Falling losses for every recipe; PCA makes no steps."""
    generator = np.random.default_rng(0)
    found = {}
    for index, name in enumerate(families.AUTOENCODERS):
        if RECIPES[name].training.steps == 0:
            found[name] = run(name, validation=((0, 0.5),), parameters=0)
            continue
        losses = 1.0 / np.sqrt(1.0 + np.arange(1, 13))
        train = [(10 * (k + 1), x + 0.01 * generator.random()) for k, x in enumerate(losses)]
        validation = [(40, 0.7), (80, 0.55), (120, 0.45 + 0.002 * index)]
        found[name] = run(name, train, validation, parameters=1000 + index, seconds=60.0 + index)
    return found


def test_every_autoencoder_belongs_to_one_family():
    members = [name for family in families.FAMILIES for name in family.members]
    assert sorted(members) == sorted(families.AUTOENCODERS)
    assert RESTORER not in members
    assert set(RECIPES) >= set(families.AUTOENCODERS)
    for name in families.AUTOENCODERS:
        assert name in families.family_of(name).members
    with pytest.raises(KeyError, match="none of the families"):
        families.family_of("deep-5")


def test_training_losses_are_averaged_between_validations():
    made = run(train=[(1, 8.0), (2, 6.0), (3, 4.0), (4, 2.0)], validation=[(2, 5.0), (4, 4.0)])
    assert runs.interval_means(made).to_dict() == {2: 7.0, 4: 3.0}
    assert runs.gaps(made).to_dict() == {2: -2.0, 4: 1.0}
    numbers = runs.table({"a": made}).loc["a"]
    assert numbers["gap_growth"] == 3.0
    assert numbers["epochs"] == pytest.approx(4 * 4 * 2.0 / 100.0)
    assert numbers["core_seconds"] == 120.0
    assert numbers["best_step"] == 4


def test_a_model_without_steps_has_no_gap():
    made = run(validation=[(0, 0.3)])
    assert runs.interval_means(made).empty
    assert runs.gaps(made).empty
    assert math.isnan(runs.late_gain(made))
    assert math.isnan(runs.table({"a": made}).loc["a", "gap_end"])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([5.0, 4.0, 3.0, 2.0, 1.0], 5 * 0.25 / 4),  # an even fall, counted from the first fifth
        ([5.0, 1.0, 1.0, 1.0, 1.0], 0.0),
        ([5.0, 5.0, 5.0, 5.0, 1.0], 1.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], math.nan),
        ([1.0, 0.5], math.nan),
    ],
)
def test_the_late_share(losses, expected):
    validation = [(20 * (k + 1), loss) for k, loss in enumerate(losses)]
    made = run(train=[(validation[-1][0], 1.0)], validation=validation)
    assert runs.late_gain(made) == pytest.approx(expected, nan_ok=True)


def test_findings_count_what_the_table_says():
    found = every_run()
    numbers = runs.table(found)
    words = findings.overview(found, numbers)
    assert words["n_models"] == len(families.AUTOENCODERS)
    assert words["n_closed"] == 6
    assert (
        words["n_fell"]
        == words["n_stepped"]
        == words["n_best_last"]
        == len(families.AUTOENCODERS) - 6
    )
    assert words["core_hours"] == pytest.approx(numbers["core_seconds"].sum() / 3600)
    assert words["two_core_hours"] == pytest.approx(words["core_hours"] / 2)
    assert words["threads"] == "2 threads"
    assert words["precision"] == "float32"


def test_sizes_below_pca_are_named():
    found = every_run()
    for latent in (4, 8, 16, 32, 64, 100):
        deep = 0.4 if latent in (8, 32) else 0.6
        found[f"deep-{latent}"] = run(train=[(10, 1.0)], validation=[(10, deep)])
        found[f"lstm-{latent}"] = run(train=[(10, 1.0)], validation=[(10, 0.1)])
        found[f"vae-{latent}"] = run(train=[(10, 1.0)], validation=[(10, 0.9)])
    words = findings.against_pca(runs.table(found))
    assert words["below_deep"] == "2 of 6 sizes (8 and 32)"
    assert words["below_lstm"] == "all 6 sizes"
    assert words["below_vae"] == "none of 6 sizes"


def test_losses_are_compared_by_common_terms():
    one = run(train=[(10, 1.0)], validation=[(10, -3.0)])
    two = run(train=[(10, 1.0)], validation=[(10, -5.0)])
    words = findings.losses_compared({"a": one, "b": two}, {"a": "A", "b": "B"})
    assert (words["best_time"], words["best_time_db"], words["best_time_other"]) == (
        "B",
        -5.0,
        -10.0,
    )
    assert words["best_spectral"] == "B"


def test_cut_gradients_are_counted():
    made = run(train=[(step, 1.0) for step in range(1, 5)])
    made.train["gradient_norm"] = [0.5, 2.0, 3.0, 0.9]
    assert findings.cut_gradients({"a": made}, {"x": "a"}) == {"cut_x": 50.0}
    free = replace(made, config=replace(made.config, gradient_clip=None))
    assert findings.cut_gradients({"a": free}, {"x": "a"}) == {"cut_x": 0.0}


def test_lists_in_sentences():
    assert findings.listed([], "none") == "none"
    assert findings.listed(["a"], "none") == "a"
    assert findings.listed(["a", "b", "c"], "none") == "a, b and c"


def test_tables_for_the_page():
    found = every_run()
    numbers = runs.table(found)
    for family in families.FAMILIES:
        table = tables.family_table(numbers, family)
        assert table.index.tolist() == list(family.members)
    assert tables.family_table(numbers, families.family("frames")).loc["pca-4", "Training"] == "–"
    assert tables.frame_grid(numbers, "validation_end").shape == (6, 6)
    total = tables.totals(numbers)
    assert total.loc["All", "Models"] == str(len(families.AUTOENCODERS))
    assert tables.late_table(numbers).shape == (len(families.FAMILIES), 3)
    assert tables.digits_for(-12.345) == "−12.3"
    assert tables.digits_for(0.012345) == "0.0123"
    assert tables.digits_for(0.0) == "0.000"
    clear, unclear = Interval(0.5, 0.2, 0.8, 9), Interval(0.5, -0.1, 1.0, 9)
    assert tables.overfitters({"a": clear, "b": unclear, "c": None}) == ["a"]
    assert tables.interval_text(Interval(-0.5, -0.8, -0.2, 9)) == "−0.50 (−0.80 to −0.20)"


def test_figures_show_every_model():
    found = every_run()
    for family in families.FAMILIES[:-1]:
        shared = family.key != "losses"
        _, panels = figures.loss_curves(found, family, len(family.members), shared)
        assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == list(
            family.members.values()
        )
    figure, grid = figures.frame_curves(found)
    assert grid.shape == (5, 6)
    figure.canvas.draw()
    names = {"deep-16": "deep", "waveform-8": "waveform"}
    for draw in (figures.schedule, figures.common_terms):
        draw(found, names)[0].canvas.draw()
    figures.cost(found, families.FAMILIES)[0].canvas.draw()
