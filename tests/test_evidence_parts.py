"""Variants of Melic in `evidence/parts.py` and cells of `evidence/causes.py` are what they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from musiclib import evidence
from musiclib.codecs import payload_bytes
from musiclib.codecs.melic import MelicCodec, Model
from musiclib.datasets import Clip
from tests.signals import music

RATE, GAIN = 24_000, 140
Sound = npt.NDArray[np.float32]
Variants = dict[str, tuple[float, Sound]]


@pytest.fixture(scope="module")
def audio():
    return music(4 * RATE, RATE, seed=3)


@pytest.fixture(scope="module")
def found(audio):
    parts = evidence.declaration("parts")
    groups = parts.variants(audio, GAIN, evidence.BUNDLED)
    return {name: (spent, sound) for bits, sound in groups for name, spent in bits.items()}


@pytest.mark.parametrize(("system", "restore"), [("Melic", True), ("Melic without network", False)])
def test_the_codec_is_among_its_variants(audio, found, system, restore):
    codec = MelicCodec(gain=GAIN, restore=restore)
    data = codec.encode(audio, RATE)
    bits, sound = found[system]
    assert bits == 8 * payload_bytes(data)
    # The codec lets its network work on windows, the evidence on the whole clip.
    assert np.allclose(codec.decode(data)[0], sound, atol=1e-4)


def test_coders_of_the_same_numbers_differ_in_bits_alone(found):
    names = ["Melic without network", "One adaptive context", "Static histogram", "Raw indices"]
    bits = [found[name][0] for name in names]
    assert bits == sorted(bits)
    assert all(found[name][1] is found[names[0]][1] for name in [*names, "Mixing from nothing"])


def test_networks_change_the_sound_and_no_bit(found):
    parts = evidence.declaration("parts")
    plain_bits, plain = found[parts.BASE]
    sounds = [found[name][1] for name in parts.NETWORKS]
    assert {found[name][0] for name in parts.NETWORKS} == {plain_bits}
    assert all(not np.array_equal(plain, sound) for sound in sounds)


def test_cells_of_equal_models_are_equal_and_those_of_the_codec_are_its_own(
    audio, found, monkeypatch
):
    causes = evidence.declaration("causes")
    model, histogram = causes._model(29)
    monkeypatch.setattr(
        causes, "_model", lambda _hours: (Model(model.tables, model.checkpoint), histogram)
    )
    clip = Clip("tune", audio, RATE, "unknown", "nobody", "Tune")
    (bits, network, plain), *restored = causes._melic(clip, GAIN)
    assert not network
    assert bits[1, "mixing"] == bits[29, "mixing"] == found["Melic"][0]
    assert bits[1, "histogram"] == bits[29, "histogram"] == found["Static histogram"][0]
    assert np.array_equal(plain, found["Melic without network"][1])
    for hours, (own, network, sound) in zip((1, 29), restored, strict=True):
        assert network
        assert set(own) == {(hours, "histogram"), (hours, "mixing")}
        assert np.array_equal(sound, found["Melic"][1])
