"""Tables, figures and sentences of the codec's chapter, on numbers whose outcome is known."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.metrics import Interval
from musiclib.studies.codec import figures, findings, gains, measuring, tables
from musiclib.studies.codec.plan import NEURAL, PLAIN
from musiclib.studies.rate_tables import summarise

CLIPS = list("abcdef")
RATES = (3.0, 6.0, 12.0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def row(codec: str, label: str, clip: str, kbps: float, gain: float) -> dict[str, object]:
    quality = 2.0 + math.log2(kbps / gain) / 2 + 0.01 * CLIPS.index(clip)
    return {
        "track_id": clip, "genre": "folk_world" if clip < "d" else "rock", "codec": codec,
        "setting": label.split(maxsplit=1)[1], "label": label, "n_bytes": round(1000 * kbps),
        "seconds": 8.0, "kbps": kbps, "zimtohrli_mos": quality,
        "log_spectral_distance": 15.0 - 2 * quality, "spectral_rmse": 1.0 / quality,
        "si_sdr": 4 * quality,
    }  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    systems = ((NEURAL, "musiclib", 0.5), (PLAIN, "bare", 0.6), ("opus", "Opus", 1.0))
    return pd.DataFrame(
        [
            row(codec, f"{name} {rate:g} kbps", clip, rate, gain)
            for codec, name, gain in systems
            for rate in RATES
            for clip in CLIPS
        ]
    )


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Better than Opus at 6 kbps, worse at 12; like MP3 at 16."""
    generator = np.random.default_rng(0)
    rows = []
    for rival, codec, rate, gain in (
        ("Opus 6 kbps", "opus", 6.0, 0.5),
        ("Opus 12 kbps", "opus", 12.0, -0.5),
        ("MP3 16 kbps", "mp3", 16.0, 0.0),
    ):
        for clip in CLIPS:
            noise = 0.05 * generator.standard_normal() if gain else 0.1 * (CLIPS.index(clip) - 2.5)
            better = gain + noise
            rows.append(
                {
                    "track_id": clip, "genre": "folk_world" if clip < "d" else "rock",
                    "rival": rival, "rival_codec": codec, "kbps": rate - 0.1, "rival_kbps": rate,
                    "zimtohrli_mos": 3.0 + better, "rival_zimtohrli_mos": 3.0,
                    "log_spectral_distance": 8.0 - better, "rival_log_spectral_distance": 8.0,
                    "spectral_rmse": 0.5 - 0.1 * better, "rival_spectral_rmse": 0.5,
                    "si_sdr": 9.0 + better, "rival_si_sdr": 9.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_sentences_say_where_the_codec_is_better_and_where_not(pairs):
    found = measuring.differences(pairs)
    for metric in measuring.QUALITY_METRICS:
        words = findings.standing(found, "opus", metric)
        assert words == "better at 6.0 kbps, worse at 12.0 kbps"
        assert findings.standing(found, "mp3", metric) == "not clearly different there"
    assert findings.counts(found, "si_sdr") == {"better": 1, "worse": 1, "open": 1}
    text = findings.verdicts(found)
    assert text.startswith("- **Opus**, with files of 6.0 and 12.0 kbps: ")
    assert "\n- **MP3**" in text
    assert "AAC" not in text
    assert "1 better and 1 worse" in findings.score(found)
    only = found[found["rival"] == "Opus 6 kbps"]
    assert findings.standing(only, "opus", "si_sdr") == "better there"


def test_tables_mark_clear_differences(pairs):
    shown = tables.pairs_table(measuring.differences(pairs))
    assert shown.loc["Opus 6 kbps", "MOS"].endswith("✓")
    assert shown.loc["Opus 12 kbps", "LSD (dB)"].endswith("✗")
    assert shown.loc["MP3 16 kbps", "SI-SDR (dB)"][-1] == "]"
    assert shown.loc["Opus 12 kbps", "MOS"].startswith("\N{MINUS SIGN}0.5")


def test_savings_and_numbers_follow_from_the_curves(table, pairs):
    summary, found = summarise(table), measuring.differences(pairs)
    savings = gains.savings(table, [(NEURAL, "opus"), (NEURAL, PLAIN)])
    numbers = findings.numbers(summary, found, savings)
    assert numbers["opus_saving_mos"] == pytest.approx(-50.0)
    assert numbers["opus_saving_lsd"] == pytest.approx(-50.0)
    assert numbers["mos_better"] == numbers["lsd_worse"] == 1.0
    at_six = summary[summary["label"] == "musiclib 6 kbps"].iloc[0]
    assert numbers["mos_6"] == at_six["zimtohrli_mos"]
    words = findings.saved(savings, NEURAL, "opus")
    assert "50.0 % fewer bits at equal predicted quality (MOS)" in words
    assert "16.7 % fewer bits" in findings.saved(savings, NEURAL, PLAIN)
    shown = tables.savings_table(savings)
    assert shown["against"].tolist() == ["Opus", "without the network"]
    nothing = Interval(math.nan, math.nan, math.nan, 3)
    assert "share no quality" in findings.saving_said(nothing, "zimtohrli_mos")
    assert tables.said(nothing) == "–"


def test_tables_hold_every_rate_once(table):
    summary = summarise(table)
    bought = tables.bought_table(summary)
    assert bought.index.tolist() == ["3 kbps", "6 kbps", "12 kbps"]
    assert len(tables.rates_table(summary)) == 9
    said = findings.bought(summary)
    assert "at 3 kbps" in said
    assert said.index("at 3 kbps") < said.index("at 12 kbps")


def test_genres_are_compared_by_their_own_clips(pairs):
    changed = pairs.copy()
    folk = changed["genre"] == "folk_world"
    changed.loc[folk, "zimtohrli_mos"] += 1.0
    found = tables.by_genre(changed, ["Opus 6 kbps", "Opus 12 kbps"], "zimtohrli_mos")
    assert found["clips"].tolist() == [3, 3]
    difference = found.loc["folk_world", "Opus 6 kbps"].mean
    assert difference - found.loc["rock", "Opus 6 kbps"].mean == pytest.approx(1.0, abs=0.1)
    numbers = findings.genre_numbers(found)
    assert (numbers["genre_best"], numbers["genre_worst"]) == ("folk world", "rock")
    assert tables.genre_table(found).index.tolist() == ["folk world", "rock"]
    _figure, axes = figures.genres(found, "zimtohrli_mos")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["folk world (3)", "rock (3)"]


def test_figures_have_a_panel_for_each_metric(table, pairs):
    _figure, axes = figures.rate_distortion(summarise(table))
    assert len(axes) == len(measuring.QUALITY_METRICS)
    handles, labels = axes[0].get_legend_handles_labels()
    assert labels == ["musiclib", "without the network", "Opus"]
    assert len(handles) == 3
    _figure, axes = figures.equal_bytes(measuring.differences(pairs))
    # Up is better in every panel: the first point of Opus lies above zero, the second below.
    for panel in axes:
        heights = panel.containers[0].lines[0].get_ydata()
        assert heights[0] > 0.0 > heights[1]


def test_the_limit_is_told_as_a_ratio():
    above = pd.DataFrame(
        {
            "codec": [NEURAL, NEURAL, "opus"], "label": list("abc"), "kbps": [6.0, 12.0, 12.0],
            "si_sdr": [5.0, 9.0, 8.0], "local_kbps": [3.0, 4.0, 3.0], "local_bits": [0.1, 0.2, 0.3],
        }
    )  # fmt: skip
    numbers = findings.limit_numbers(above)
    assert (numbers["limit_times_low"], numbers["limit_times_high"]) == (2.0, 3.0)
    assert numbers["limit_opus_low"] == 4.0
    assert tables.limit_table(above)["times the limit"].tolist() == [2.0, 3.0, 4.0]
    assert math.isnan(findings.limit_numbers(above.iloc[:0])["limit_times_low"])


def test_the_conclusion_names_what_was_measured(table, pairs):
    savings = gains.savings(table, [(NEURAL, "opus"), (NEURAL, PLAIN)])
    order = pd.Series([-0.1, 0.2], index=["a", "b"])
    ablation = pd.DataFrame(columns=["codec", "reference", *gains.METRIC_NAMES])
    text = findings.conclusion(
        summarise(table), measuring.differences(pairs), savings, ablation, 0.25, order
    )
    lines = text.split("\n")
    assert all(line.startswith("- ") for line in lines)
    assert "0.25 % more" in text
    assert "1 of 2 clips" in text
