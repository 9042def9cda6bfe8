"""Which music and models the codec's chapter takes."""

import pytest

from musiclib.codecs.neural.entropy.baselines import GAINS_PER_TABLE, StaticTables
from musiclib.datasets import open_dataset
from musiclib.errors import CheckpointError, DatasetError
from musiclib.studies.codec import material
from musiclib.studies.codec.plan import NEURAL
from musiclib.training.recipes import RESTORER
from musiclib.training.trained import shipped_folder


@pytest.fixture(scope="module")
def mini():
    return open_dataset("mini")


def test_parts_are_compared_on_validation_music(mini):
    clips = material.held_out(mini, 3, 2.0)
    assert len(clips) == 3
    assert set(mini.tracks.loc[[clip.track_id for clip in clips], "split"]) == {"validation"}
    assert all(clip.seconds == pytest.approx(2.0) for clip in clips)


def test_music_without_a_validation_part_gives_test_clips(mini):
    clips = material.held_out(mini.part("test"), 2, 1.5)
    assert set(mini.tracks.loc[[clip.track_id for clip in clips], "split"]) == {"test"}
    with pytest.raises(DatasetError, match="no clip of mini"):
        material.held_out(mini, 2, 0.5)


def test_static_tables_of_the_trained_music_are_shipped():
    found = StaticTables.load(shipped_folder() / material.STATIC_TABLES)
    fine, coarse = (found.sizes[gain // GAINS_PER_TABLE] for gain in (90, 200))
    assert fine.sum() > 0
    assert coarse.sum() > 0
    # A coarse quantiser leaves more zeros.
    assert coarse[:, 0].sum() / coarse.sum() > fine[:, 0].sum() / fine.sum()


def test_networks_that_are_not_shipped_are_left_out_of_rows(mini, tmp_path, monkeypatch):
    assert RESTORER in material.networks(material.RESTORER_KIND)
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
    assert material.checkpoints(material.RESTORER_KIND, mini, "mini", 0) == {}
    with pytest.raises(CheckpointError):
        material.codec_model(mini, "mini", 0)


def test_makers_make_the_codec_with_and_without_its_network():
    neural, plain = material.makers()
    assert neural(6.0).name == plain(6.0).name == NEURAL
    assert neural(6.0).label == "musiclib 6 kbps"
    assert neural(6.0).restore
    assert not plain(6.0).restore


def test_the_autoencoder_has_as_many_settings_as_a_curve_needs(mini):
    several = material.stft_codecs(mini, "mini", 0)
    assert [codec.step for codec in several] == list(material.STFT_STEPS)
