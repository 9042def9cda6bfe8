"""The chapter on how the codec works: what it measures is what the codec does."""

from itertools import pairwise

import numpy as np
import pytest

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs import MelicCodec
from musiclib.codecs.melic.entropy import ContextTables, FrameEncoder
from musiclib.codecs.melic.entropy.baselines import StaticTables
from musiclib.codecs.melic.model import Model
from musiclib.datasets import Clip
from musiclib.errors import AudioError, DatasetError
from musiclib.mdct import imdct, mdct
from musiclib.models.transform import Frames, Setting, analyse, choose_levels, dequantise
from musiclib.studies.codec_anatomy import (
    entropy,
    filemap,
    influence,
    material,
    repairing,
    smoothing,
    transforms,
)

SECONDS = 2.0


def tones(seconds: float = SECONDS, seed: int = 0) -> FloatArray:
    """Three partials with a slow beat, and a little noise."""
    time = np.arange(round(seconds * HOUSE_RATE)) / HOUSE_RATE
    sound = sum(0.2 / n * np.sin(2 * np.pi * 311.0 * n * time) for n in (1, 2, 3))
    sound = sound * (1.0 + 0.3 * np.sin(2 * np.pi * 1.5 * time))
    noise = np.random.default_rng(seed).normal(0.0, 0.003, len(time))
    return (sound + noise).astype(np.float32)


def click(seconds: float = 1.0, at: float = 0.55) -> FloatArray:
    """A faint hum, and a loud burst in it."""
    time = np.arange(round(seconds * HOUSE_RATE)) / HOUSE_RATE
    sound = 0.001 * np.sin(2 * np.pi * 120.0 * time)
    burst = np.random.default_rng(1).normal(0.0, 0.2, len(time)) * np.exp(-(time - at) / 0.02)
    return (sound + np.where(time >= at, burst, 0.0)).astype(np.float32)


def clip_of(audio: FloatArray, name: str = "clip") -> Clip:
    return Clip(name, audio, HOUSE_RATE, "genre", "artist", f"title of {name}")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(ContextTables.untrained())


@pytest.fixture(scope="module")
def file(model: Model) -> material.Coded:
    codec = MelicCodec(8.0, restore=False, model=model)
    return material.opened(codec.encode(tones(), HOUSE_RATE), 8.0, model)


def test_the_clip_in_the_middle_is_chosen() -> None:
    quiet = np.random.default_rng(0).normal(0.0, 0.1, 24_000).astype(np.float32)
    several = {
        "noise": clip_of(quiet),
        "tones": clip_of(tones()),
        "tone": clip_of(np.sin(np.arange(24_000) * 0.5).astype(np.float32)),
    }
    ranked = sorted(several, key=lambda name: material.busyness(several[name]))
    assert material.typical(several) == ranked[1]
    with pytest.raises(DatasetError):
        material.typical({})


def test_an_opened_file_holds_what_was_encoded(file: material.Coded) -> None:
    expected = analyse(tones(), Setting(file.gain))
    assert file.frames.values.shape == expected.values.shape
    assert file.n_samples == len(tones())
    assert file.bitrate <= 8000.0
    spent = sum(file.bits.values()) / 8.0
    assert 0.0 < len(file.data) - spent < 30.0
    assert file.overhead_rate == pytest.approx(8.0 * (len(file.data) - spent) / SECONDS)
    assert file.bits["signs"] == np.count_nonzero(file.frames.values)


def test_what_is_heard_without_network_is_the_decoded_file(
    file: material.Coded, model: Model
) -> None:
    expected, rate = MelicCodec(restore=False, model=model).decode(file.data)
    assert rate == HOUSE_RATE
    np.testing.assert_array_equal(material.heard(file, model, restored=False), np.ravel(expected))


def test_two_frames_cancel_their_aliasing() -> None:
    parts = transforms.overlap(tones())
    assert parts.alone_db > -40.0
    assert parts.together_db < -100.0
    np.testing.assert_allclose(
        (parts.first + parts.second)[parts.middle], parts.music[parts.middle], atol=1e-5
    )
    with pytest.raises(AudioError):
        transforms.overlap(np.zeros(500, np.float32))


def test_the_transform_keeps_energy() -> None:
    assert abs(transforms.kept_energy_db(tones())) < 1e-4


def test_tones_gain_from_long_frames_and_noise_does_not() -> None:
    noise = np.random.default_rng(2).normal(0.0, 0.1, 48_000).astype(np.float32)
    steady = np.sin(2 * np.pi * 440.0 * np.arange(48_000) / HOUSE_RATE).astype(np.float32)
    gain = transforms.coding_gain_db
    assert gain(steady, 1024) > gain(steady, 128) + 3.0
    assert abs(gain(noise, 1024) - gain(noise, 128)) < 0.5


def test_an_attack_is_found_and_long_frames_smear_it() -> None:
    audio = click()
    attack = transforms.sharpest_attack(audio)
    assert abs(attack.sample - 0.55 * HOUSE_RATE) < 0.003 * HOUSE_RATE
    assert attack.rise_db > 20.0
    table = transforms.length_table({"click": audio}, (128, 1024)).set_index("size")
    assert table.loc[1024, "pre_echo_db"] > table.loc[128, "pre_echo_db"] + 5.0
    with pytest.raises(AudioError):
        transforms.sharpest_attack(audio[:500])


@pytest.mark.parametrize("size", [128, 256, 512, 1024])
def test_noise_of_a_quantiser_has_the_level_that_was_asked_for(size: int) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.1, 48_000).astype(np.float32)
    error = transforms.coarse(noise, size, -12.0) - noise
    level = 10.0 * np.log10(np.mean(error**2) / np.mean(noise**2))
    assert level == pytest.approx(-12.0, abs=0.3)
    edges = transforms.band_edges(size)
    assert edges[0] == 0
    assert edges[-1] == size
    assert all(low < high for low, high in pairwise(edges))


def test_smoothing_makes_levels_change_less_and_cost_less(model: Model) -> None:
    found = smoothing.smoothing_table([clip_of(tones())], (6.0,), model).set_index("smoothing")
    assert found["changes"].is_monotonic_decreasing
    assert found["levels"].is_monotonic_decreasing
    assert found.loc[4.0, "coefficients"] > found.loc[0.0, "coefficients"]
    both = (found["levels"] + found["coefficients"])[[1.0, 4.0]]
    assert both.between(5.5, 6.5).all()


def test_paths_are_those_of_the_codec() -> None:
    clip = clip_of(tones())
    paths = smoothing.paths(clip)
    sent = choose_levels(mdct(clip.audio), 1.0)
    np.testing.assert_array_equal(paths.chosen[1.0], sent[:, paths.band])
    assert paths.low_khz < paths.high_khz <= 12.0


def test_traced_bits_add_up_to_what_the_coder_spends(file: material.Coded, model: Model) -> None:
    found = entropy.guesses(file, model)
    spent = file.bits["zeros"] + file.bits["sizes"] + file.bits["signs"]
    assert found.bits.sum() == pytest.approx(spent, rel=1e-9)
    assert ((found.zero >= 0.0) & (found.zero <= 1.0)).all()
    # Zeros were expected where they came.
    assert found.zero[found.values == 0].mean() > found.zero[found.values != 0].mean() + 0.2
    table = found.calibration(np.linspace(0, 1, 6))
    assert table["count"].sum() == found.values.size
    part = found.cut(10, 20, 64)
    assert part.values.shape == (10, 64)
    assert part.start == 10


def test_a_trace_is_what_is_spent_also_of_two_channels() -> None:
    frames = analyse(tones(0.5), Setting(120))
    levels, values = np.stack([frames.levels] * 2), np.stack([frames.values] * 2)
    blank = ContextTables.untrained()
    spent = FrameEncoder(blank, 2).spend(levels, values, 120)
    trace = FrameEncoder(blank, 2).trace(levels, values, 120)
    assert trace.shape == (len(frames.levels), 2, 256, 2)
    assert trace[..., 0].sum() == pytest.approx(spent[1])
    assert trace[..., 1].sum() == pytest.approx(spent[2] + spent[3])


def test_the_mixer_beats_simpler_codes(file: material.Coded, model: Model) -> None:
    static = StaticTables.empty()
    static.count(analyse(tones(seed=5), Setting(file.gain)), file.gain)
    table = entropy.length_table(file, model, static)
    assert list(table.index) == list(entropy.WORDS)
    kbps = table["kbps"]
    assert kbps[entropy.RAW] > kbps[entropy.STATIC]
    assert kbps[entropy.AGAIN] < kbps[entropy.MIXED]
    # A model without training is an untrained one.
    assert kbps[entropy.MIXED] == pytest.approx(kbps[entropy.UNTRAINED])
    assert entropy.saved(table, entropy.AGAIN, entropy.RAW) > 50.0
    shipped = StaticTables.shipped()
    assert shipped.bits(file.frames, file.gain) < 8.0 * SECONDS * 1000.0 * kbps[entropy.RAW]


def test_near_neighbours_tell_more_than_far_ones(file: material.Coded, model: Model) -> None:
    found = influence.influence(file, model, slice(20, len(file.frames.values)))
    below = influence.BINS_BELOW
    assert np.isnan(found.nats[0, below:]).all()
    assert np.isfinite(found.nats[1:]).all()
    assert found.nats[1, below] > found.nats[influence.FRAMES_BACK, 0]
    back, up = found.strongest()
    assert back <= 2
    assert -2 <= up <= 0


def test_pieces_and_purposes_add_up_to_the_file(file: material.Coded) -> None:
    cut = filemap.pieces(file.data)
    assert cut[0].start == 0
    for one, other in pairwise(cut):
        assert other.start == one.start + one.size
    assert cut[-1].start + cut[-1].size == len(file.data)
    shares = filemap.shares(file)
    assert shares.sum() == pytest.approx(len(file.data))
    assert (shares >= 0.0).all()
    assert shares[filemap.HEADER] == sum(p.size for p in cut if p.kind == filemap.HEADER)


def test_damage_is_noticed_and_sound_files_are_not_refused(file: material.Coded) -> None:
    assert filemap.refusal(file.data) is None
    tried = filemap.damage(file.data, 200, seed=1)
    assert tried.noticed == tried.tried == 200
    assert "damaged" in filemap.shortest_message(tried)


def test_a_lost_block_is_noticed(model: Model) -> None:
    codec = MelicCodec(gain=200, restore=False, model=model)
    data = codec.encode(np.tile(tones(), 12), HOUSE_RATE)
    assert sum(piece.kind == "payload" for piece in filemap.pieces(data)) == 3
    assert filemap.blocks_lost(data, []) == data
    for lost in range(3):
        assert filemap.refusal(filemap.blocks_lost(data, [lost])) is not None


def test_changes_are_measured_where_they_are(file: material.Coded) -> None:
    spectrum = dequantise(file.frames.values, file.frames.levels, file.gain)
    true = mdct(tones())
    same = repairing.Repair(true, spectrum, spectrum.plain)
    assert same.change_db(same.sent) < -100.0
    assert same.error_db(True, same.sent) == same.error_db(False, same.sent) < -3.0
    perfect = repairing.Repair(true, spectrum, true)
    assert perfect.error_db(True, ~perfect.sent) < -100.0
    assert perfect.level_error_db(True, ~perfect.sent) == pytest.approx(0.0, abs=1e-3)


def test_busiest_places_are_found(file: material.Coded) -> None:
    values = np.zeros_like(file.frames.values)
    values[40:50, :30] = 1
    values[45, :60] = 1
    frames = Frames(file.frames.levels, values)
    assert material.busiest_frame(frames) == 45
    empty = material.Coded(8.0, file.data, file.seconds, file.n_samples, file.gain, frames, {})
    span = entropy.busiest_second(empty, 0.2)
    assert span.start <= 40
    assert span.stop >= 50


def test_repaired_spectra_sound_like_the_decoder(file: material.Coded, model: Model) -> None:
    spectrum = dequantise(file.frames.values, file.frames.levels, file.gain)
    expected = imdct(spectrum.plain, file.n_samples)
    found = material.heard(file, model, restored=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
