"""The loop: it learns, keeps the best, writes down everything, and stops where it must."""

import math
from dataclasses import replace

import pytest
import torch

from musiclib.errors import DatasetError, TrainingError
from musiclib.training import TrainConfig, checkpoint, fit, load, load_model
from musiclib.training.data import Music, ahead
from tests.training_fixture import RATE, TRAINING, files, music, tiny

__all__ = ["music"]


def tone_error(model) -> float:
    """Error of a tone that is none of the music's, relative to its power."""
    tone = 0.3 * torch.sin(2 * math.pi * 345.0 / RATE * torch.arange(1024))[None]
    with torch.no_grad():
        target = model.inputs(model.levelled(tone)[0])
        return float((model(target).output - target).square().mean() / target.square().mean())


def sums(out) -> str:
    return load(out).record["tensors_sha256"]


def test_a_trained_model_rebuilds_a_tone(music, tmp_path):
    before = tone_error(tiny().eval())
    history = fit(tiny(), music, replace(TRAINING, steps=300), tmp_path / "model")
    assert history.train[-1]["loss"] < 0.4 * history.train[0]["loss"]
    assert history.validation[-1]["loss"] < 0.4 * history.validation[0]["loss"]
    assert tone_error(load_model(tmp_path / "model")) < 0.1 * before


def test_the_best_is_the_best(music, tmp_path):
    config = replace(TRAINING, validate_every=3, schedule="constant")
    history = fit(tiny(turns_at=40), music, config, tmp_path / "model")
    losses = [row["loss"] for row in history.validation]
    best = history.best
    assert best["loss"] == min(losses) < 0.5 * losses[-1]
    assert best["step"] in (39, 42, 45)
    assert load(tmp_path / "model").step == best["step"] < config.steps
    assert load(tmp_path / "model.last").step == config.steps
    assert len(load(tmp_path / "model").history.validation) == len(losses)

    model = load_model(tmp_path / "model")
    batches = list(Music.open(music, RATE).validation_batches(config))
    with torch.no_grad():
        values = [float(model.evaluation_step(audio).total) * len(audio) for audio in batches]
    # The best weights are kept as float16.
    assert sum(values) / sum(map(len, batches)) == pytest.approx(best["loss"], rel=1e-3)


def test_the_history_has_every_step_once(music, tmp_path):
    config = replace(TRAINING, steps=31, log_every=5, validate_every=10)
    history = fit(tiny(), music, config, tmp_path / "model")
    assert [row["step"] for row in history.train] == [5, 10, 15, 20, 25, 30, 31]
    assert [row["step"] for row in history.validation] == [10, 20, 30, 31]
    rates = history.train_table()["learning_rate"]
    assert list(rates) == [config.learning_rate_at(step - 1) for step in rates.index]
    assert set(history.validation[0]) == {"step", "loss", "square", "seconds"}
    assert history.validation_table().index.name == "step"
    every = fit(tiny(), music, replace(config, log_every=1), tmp_path / "other")
    losses = every.train_table()["loss"]
    assert history.train[1]["loss"] == pytest.approx(losses.loc[6:10].mean(), rel=1e-12)
    assert load(tmp_path / "model").history == history


def test_seeds_decide(music, tmp_path):
    fit(tiny(), music, TRAINING, tmp_path / "a")
    torch.rand(7)  # what happened before must not matter
    fit(tiny(), music, TRAINING, tmp_path / "b")
    fit(tiny(), music, replace(TRAINING, seed=1), tmp_path / "c")
    fit(tiny(seed=1), music, TRAINING, tmp_path / "d")
    # Neither must looking more often.
    fit(tiny(), music, replace(TRAINING, validate_every=7, log_every=3), tmp_path / "e")
    first = sums(tmp_path / "a.last")
    assert sums(tmp_path / "b.last") == sums(tmp_path / "e.last") == first
    assert len({first, sums(tmp_path / "c.last"), sums(tmp_path / "d.last")}) == 3


def test_the_caller_s_random_numbers_stay(music, tmp_path):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    fit(tiny(), music, replace(TRAINING, steps=3), tmp_path / "model")
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_no_number_stops(music, tmp_path):
    out = tmp_path / "model"
    with pytest.raises(TrainingError, match=r"model is not finite after 46 steps.*learning rate"):
        fit(tiny(breaks_at=47), music, TRAINING, out)
    last = load(f"{out}.last")
    assert last.step == 40
    assert all(bool(torch.isfinite(value).all()) for value in last.tensors.values())
    assert load(out).step == 45
    assert files(tmp_path) == {
        f"model{end}" for end in (".safetensors", ".json", ".last.safetensors", ".last.json")
    }


def test_what_needs_no_steps_is_prepared_and_kept(music, tmp_path):
    model = tiny()
    history = fit(model, music, replace(TRAINING, steps=0), tmp_path / "model")
    assert history.train == []
    assert [row["step"] for row in history.validation] == [0]
    loaded = load_model(tmp_path / "model")
    segments = Music.open(music, RATE).batches(TRAINING)
    heard = torch.cat([loaded.levelled(next(segments))[0] for _ in range(2)])
    assert float(loaded.scale) == pytest.approx(float(heard.std()))
    assert fit(tiny(), music, replace(TRAINING, steps=0), tmp_path / "model") == history
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(TrainingError, match="set steps to 0"):
        fit(model, music, TRAINING, tmp_path / "other")


def test_bfloat16_learns_as_well(music, tmp_path):
    full = fit(tiny(), music, TRAINING, tmp_path / "full")
    half = fit(tiny(), music, replace(TRAINING, precision="bf16-mixed"), tmp_path / "half")
    assert half != full
    assert half.best["loss"] == pytest.approx(full.best["loss"], rel=0.1)
    last = load(tmp_path / "half.last")
    assert all(value.dtype == torch.float32 for value in last.tensors.values())


def test_automatic_precision_is_what_the_processor_can(music, tmp_path, monkeypatch):
    config = replace(TRAINING, steps=3, precision="auto")
    for native, precision in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda n=native: {"avx512_bf16": n})
        fit(tiny(), music, config, tmp_path / precision, accelerator="cpu")
        fit(tiny(), music, config, tmp_path / precision, accelerator="cpu")
        assert load(tmp_path / precision).train_config == replace(config, precision=precision)


def test_quiet_without_a_terminal(music, tmp_path, capfd):
    fit(tiny(), music, replace(TRAINING, steps=3), tmp_path / "model")
    assert capfd.readouterr() == ("", "")
    fit(tiny(), music, replace(TRAINING, steps=3), tmp_path / "other", progress=True)
    assert "3/3" in capfd.readouterr().err


def test_music_without_a_part_is_refused(music, tmp_path):
    tracks = music.tracks
    only = music.select(track_ids=list(tracks.index[tracks["split"] != "validation"]))
    with pytest.raises(DatasetError, match=r"no validation tracks.*other artists"):
        fit(tiny(), only, TRAINING, tmp_path / "model")
    with pytest.raises(DatasetError, match=r"is 5.12 s long"):
        fit(tiny(), music, replace(TRAINING, segment_s=5.12), tmp_path / "model")
    assert not files(tmp_path)


def test_two_trainings_do_not_write_one_checkpoint(music, tmp_path):
    with (
        checkpoint.sole_writer(tmp_path / "model"),
        pytest.raises(TrainingError, match="by another process"),
    ):
        fit(tiny(), music, TRAINING, tmp_path / "model")
    fit(tiny(), music, replace(TRAINING, steps=1), tmp_path / "model")


def test_a_device_that_is_not_there(music, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(TrainingError, match="no device 'cuda' here"):
        fit(tiny(), music, TRAINING, tmp_path / "model", accelerator="cuda")
    with pytest.raises(TrainingError, match="unknown device 'abacus'"):
        fit(tiny(), music, TRAINING, tmp_path / "model", accelerator="abacus")


def test_going_on_elsewhere_is_told(music, tmp_path):
    config = replace(TRAINING, steps=6)
    fit(tiny(), music, config, tmp_path / "model")
    last = load(tmp_path / "model.last")
    machine = {**last.record["machine"], "threads": 64}
    versions = {**last.record["versions"], "torch": "0.1", "musiclib": "0.0.0"}
    moved = {**last.record, "machine": machine, "versions": versions}
    checkpoint.save(last.path, last.tensors, moved)
    with pytest.warns(UserWarning, match="may differ in their last digits") as told:
        fit(tiny(), music, config, tmp_path / "model")
    assert [str(warning.message).partition(":")[0] for warning in told] == [
        f"resumed with torch {torch.__version__} instead of 0.1",
        "resumed with threads 1 instead of 64",
    ]


def test_batches_ahead_are_the_same_batches(music):
    opened = Music.open(music, RATE)
    plain = opened.batches(TRAINING, first=3)
    with ahead(opened.batches(TRAINING, first=3)) as drawn:
        for _ in range(6):
            assert torch.equal(next(drawn), next(plain))


def test_validation_is_spread_over_all_tracks_and_always_the_same(music):
    opened = Music.open(music, RATE)
    config = replace(TRAINING, validation_segments=5, batch_size=2)
    first, again = (list(opened.validation_batches(config)) for _ in range(2))
    assert [len(audio) for audio in first] == [2, 2, 1]
    assert all(map(torch.equal, first, again))
    start = opened.validation.tracks.index[0]
    end = opened.validation.tracks.index[-1]
    assert torch.equal(first[0][0], torch.from_numpy(opened.cache.segment(start, 0, 1024)))
    place = opened.cache.length(end) // 1024 * 1024 - 1024
    assert torch.equal(first[-1][0], torch.from_numpy(opened.cache.segment(end, place, 1024)))


def test_the_learning_rate_warms_up_and_falls():
    config = TrainConfig(steps=1000, learning_rate=0.1, warmup_steps=100, final_fraction=0.01)
    rates = [config.learning_rate_at(step) for step in range(1000)]
    assert max(rates) == rates[100] == pytest.approx(0.1)
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[550] == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert rates[-1] == pytest.approx(0.001, rel=0.01)
    assert rates[0] > 0
    assert replace(config, schedule="constant").learning_rate_at(999) == 0.1
    assert TrainConfig(steps=1, learning_rate=0.1).learning_rate_at(0) == 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": -1}, "steps is -1; it must be a whole number from 0 on"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be positive"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; it must be a number"),
        ({"gradient_clip": -1.0}, "gradient_clip is -1.0"),
        ({"schedule": "sometimes"}, "choose one of cosine, constant"),
        ({"precision": "8"}, "choose one of 32-true, bf16-mixed, auto"),
        ({"final_fraction": 2.0}, "final_fraction is 2.0"),
        ({"beta2": 1.0}, "beta2 is 1.0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"segment_s": math.inf}, "segment_s is inf"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(TrainingError, match=message):
        TrainConfig(**{"steps": 10, **changes})


def test_settings_survive_json():
    assert TrainConfig.from_dict(TRAINING.to_dict()) == TRAINING
    with pytest.raises(TrainingError, match="incomplete"):
        TrainConfig.from_dict({})
