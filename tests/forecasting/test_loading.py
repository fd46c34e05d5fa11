"""Which model forecasts are made by."""

from pathlib import Path

import pytest

from forecasting.loading import model_in_use


def test_the_model_that_comes_with_the_package_is_in_use() -> None:
    in_use = model_in_use()
    assert in_use.model
    assert in_use.name
    assert in_use.name.startswith("shipped ")
    assert in_use.problem is None


def test_without_a_usable_file_there_is_none_and_one_line_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "own.safetensors"
    for content in (None, b"", b"\x80\x04cnt\nsystem\n", b"\x08" + bytes(7) + b"{}      "):
        if content is not None:
            file.write_bytes(content)
        caplog.clear()
        in_use = model_in_use(file)
        assert in_use.model is None
        assert in_use.name is None
        assert in_use.problem
        assert len(caplog.records) == 1
        assert "own.safetensors" in caplog.text
