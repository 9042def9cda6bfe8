"""Files that were stored once decode to the same sound for ever."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import soundfile

from musiclib.audio import load
from musiclib.codecs.melic import MelicCodec, decode_file, describe
from tests import golden

CASES = json.loads(golden.TABLE.read_text(encoding="utf-8"))


@pytest.fixture(params=CASES)
def case(request):
    data = (golden.FOLDER / f"{request.param}.mlc").read_bytes()
    row = CASES[request.param]
    assert hashlib.sha256(data).hexdigest() == row["sha256"], "the stored file was changed"
    return request.param, data, row


def test_spectra_are_read_exactly(case):
    _, data, row = case
    assert golden.integers_sha256(data) == row["integers_sha256"]


def test_samples_are_the_stored_ones(case):
    name, data, _ = case
    stored, stored_rate = soundfile.read(golden.FOLDER / f"{name}.flac", dtype="float32")
    decoded, rate = MelicCodec().decode(data)
    assert rate == stored_rate
    assert decoded.T.shape == stored.shape
    assert np.abs(decoded.T - stored).max() < golden.TOLERANCE


def test_header_is_the_stored_one(case):
    _, data, row = case
    header = describe(data).header
    assert (header.sample_rate, header.n_samples) == (row["source_rate"], row["source_samples"])
    assert header.tags == row["tags"]


def test_file_becomes_as_long_as_its_source(case, tmp_path):
    name, _, row = case
    rate = row["source_rate"]
    source = golden.FOLDER / f"{name}.mlc"
    decode_file(source, tmp_path / "a.wav", sample_rate=rate, subtype="FLOAT")
    assert load(tmp_path / "a.wav")[0].shape[-1] == row["source_samples"]
