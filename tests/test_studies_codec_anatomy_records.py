"""The chapter on how the codec works: what it says of the training."""

from pathlib import Path

import pytest

from musiclib.codecs.melic.entropy import ContextTables
from musiclib.codecs.melic.model import TABLES, Model
from musiclib.models import Restorer, RestorerConfig
from musiclib.studies.codec_anatomy import learning, tables
from musiclib.training.checkpoint import MODEL, load, save
from musiclib.training.history import History


def test_records_of_a_training_are_read_whole(tmp_path: Path) -> None:
    network = Restorer(RestorerConfig(width=8, blocks=1, kernel=3))
    rows = [{"step": step, "loss": 1.0 / step, "seconds": 60.0 * step} for step in (10, 20)]
    record = {
        "model": network.config.to_dict(),
        "training": {"steps": 20, "segment_s": 2.0, "batch_size": 9},
        "data": {
            "dataset": "some",
            "train_seconds": 7200.0,
            "train_tracks": 3,
            "validation_tracks": 1,
        },
        "step": 20,
        "machine": {"device": "cpu"},
        "wall_time_s": 600.0,
        "history": History(rows, rows).to_dict(),
    }
    tensors = {f"{MODEL}{name}": value for name, value in network.state_dict().items()}
    ContextTables.untrained().rounded(20).save(tmp_path / TABLES)
    checkpoint = load(save(tmp_path / "network", tensors, record))
    facts = learning.learned(Model(ContextTables.load(tmp_path / TABLES), checkpoint))
    assert facts.weights == sum(part.numel() for part in network.parameters())
    assert facts.hours == pytest.approx(1200.0 / 3600.0)
    assert facts.heard_hours == pytest.approx(20 * 9 * 2.0 / 3600.0)
    assert facts.reach_ms == pytest.approx(1000.0 * 256 / 24_000)
    curve = learning.loss_table(facts.history)
    assert list(curve.index) == [10, 20]
    assert curve["hours"].iloc[-1] == pytest.approx(facts.hours)
    assert tables.learned(facts).loc["data set"].tolist() == ["not recorded", "some"]
