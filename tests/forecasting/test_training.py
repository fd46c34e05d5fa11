"""How a model is trained, kept in a file, and read back or refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from forecasting.boosting import Boosting
from forecasting.features import FEATURES
from forecasting.homes import licences, mean_day, shipped_homes
from forecasting.model import BadModel, load_model, model_of, write_model
from forecasting.training import Training, data_sha256, trained
from forecasting.training_rows import TrainingHome, thinned, training_rows
from tests.forecasting.test_features import home

SMALL = Training(origins=40, boosting=Boosting(trees=8, rows_in_a_leaf=20), workers=1)


@pytest.fixture(scope="module")
def homes() -> list[TrainingHome]:
    """Four homes, two of each region, none of them short."""
    return [each for each in shipped_homes() if each.name in {
        "lcl_000004", "lcl_000044", "sgsc_10014582", "ihepc_1"
    }]  # fmt: skip


@pytest.fixture(scope="module")
def content(homes: list[TrainingHome]) -> bytes:
    return trained(homes, training=SMALL)


@pytest.fixture
def written(content: bytes, tmp_path: Path) -> Path:
    write_model(content, to=tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


def test_the_same_homes_and_settings_give_the_same_bytes(homes: list[TrainingHome], content: bytes) -> None:
    assert trained(homes, training=replace(SMALL, workers=2)) == content
    assert trained(homes, training=replace(SMALL, seed=12)) != content


def test_a_written_model_is_read_back(content: bytes, written: Path) -> None:
    model = load_model(written)
    assert model.fingerprint == hashlib.sha256(content).hexdigest()
    row = np.full((1, len(FEATURES)), np.nan)
    assert np.isfinite(model.forest.predict(row)).all()
    assert model.prior.mean() == pytest.approx(1)


def test_the_file_says_where_it_comes_from(homes: list[TrainingHome], content: bytes) -> None:
    length = int.from_bytes(content[:8], "little")
    known = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["kilowatch"])
    assert known["data_sha256"] == data_sha256(homes)
    assert known["settings"]["boosting"]["trees"] == 8
    assert known["features"] == list(FEATURES)
    assert tuple(known["licences"]) == licences()
    assert ["London" in licences()[0], "Smart-Grid" in licences()[1], "Hebrail" in licences()[2]] == [True] * 3
    assert known["scikit_learn"]


def rewritten(change: Callable[[dict[str, np.ndarray], dict], None]) -> Callable[[bytes], bytes]:
    """The content with its arrays or facts changed, and all else right."""

    def changed(content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        facts = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["kilowatch"])
        arrays = {name: array.copy() for name, array in load(content).items()}
        change(arrays, facts)
        return save(arrays, metadata={"kilowatch": json.dumps(facts)})

    return changed


def put(name: str, value: float) -> Callable[[dict[str, np.ndarray], dict], None]:
    def change(arrays: dict[str, np.ndarray], _facts: dict) -> None:
        arrays[name].flat[0] = value

    return change


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: content[:-9], "not a model"),
        (lambda content: content[:40], "not a model"),
        (lambda _: b"", "not a model"),
        (lambda _: b"\x80\x04\x95 a pickle", "not a model"),
        (rewritten(lambda _, facts: facts.update(format=2)), "other format"),
        (rewritten(lambda _, facts: facts.update(features=["x"])), "other features"),
        (rewritten(lambda _, facts: facts.pop("horizon_hours")), "horizon_hours"),
        (rewritten(lambda arrays, _: arrays.pop("left")), "left"),
        (rewritten(lambda arrays, _: arrays.update(right=arrays["right"][:, :3])), "right has the shape"),
        (rewritten(lambda arrays, _: arrays.update(value=arrays["value"].astype(np.float32))), "value has the shape"),
        (rewritten(lambda arrays, _: arrays.update(baseline=np.zeros(5))), "baseline"),
        (rewritten(put("feature", 900)), "feature is out of range"),
        (rewritten(put("left", 200)), "do not make up a tree"),
        (rewritten(put("value", np.nan)), "not numbers"),
        (rewritten(put("prior", -1.0)), "prior"),
    ],
)
def test_a_file_that_is_no_model_of_this_version_is_refused(
    content: bytes, tmp_path: Path, spoil: Callable[[bytes], bytes], words: str
) -> None:
    write_model(spoil(content), to=tmp_path / "spoilt.safetensors")
    with pytest.raises(BadModel, match=words):
        load_model(tmp_path / "spoilt.safetensors")


def test_a_file_that_was_changed_since_it_was_written_is_refused(written: Path) -> None:
    content = bytearray(written.read_bytes())
    content[-1] ^= 1
    written.write_bytes(content)
    with pytest.raises(BadModel, match="SHA-256"):
        load_model(written)


def test_a_file_without_its_sum_or_none_at_all_is_refused(written: Path) -> None:
    written.with_name("small.safetensors.sha256").unlink()
    with pytest.raises(BadModel, match="cannot be read"):
        load_model(written)
    with pytest.raises(BadModel, match=r"nowhere\.safetensors cannot be read"):
        load_model(written.with_name("nowhere.safetensors"))


def test_the_shipped_model_was_trained_on_the_shipped_homes() -> None:
    model = load_model()
    every = shipped_homes()
    assert len(every) == 89
    assert model.prior == pytest.approx(mean_day(every))
    content = (Path(__file__).parents[2] / "forecasting" / "depletion.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    known = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["kilowatch"])
    assert known["data_sha256"] == data_sha256(every)
    assert len(content) < 1_500_000
    assert model_of(content).fingerprint == model.fingerprint


def test_homes_that_are_known_too_little_are_an_error() -> None:
    short = TrainingHome("short", UTC, 0.0, np.ones(24 * 30))
    with pytest.raises(ValueError, match="too little"):
        trained([short], training=SMALL)


def test_a_home_with_holes_gives_rows_that_know_no_more_than_was_metered() -> None:
    energy_kwh = np.random.default_rng(1).gamma(2, 0.25, 24 * 200)
    energy_kwh[24 * 80 : 24 * 120] = np.nan
    rows = training_rows(TrainingHome("holes", UTC, 0.0, energy_kwh), prior=np.ones(24), seed=1, origins=40)
    for part in (rows.totals, rows.times):
        assert len(part.target) > 40
        assert np.isfinite(part.target).all()
        assert np.abs(np.median(part.target)) < 0.2


@pytest.mark.parametrize("seed", range(30))
def test_a_thinned_history_has_used_as_much_in_all(seed: int) -> None:
    whole = home(500, seed=seed)
    some = thinned(whole, random=np.random.default_rng(seed))
    assert len(some.energy_kwh) == 500
    assert some.energy_kwh.sum() == pytest.approx(whole.energy_kwh.sum())
    assert some.known_share == pytest.approx(1)
    assert np.std(some.energy_kwh) < np.std(whole.energy_kwh)
