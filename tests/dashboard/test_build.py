"""When GraphiQL is built, what makes it be built again, and what is said where it cannot be."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import build, node
from dashboard.build import OUTPUT, SOURCES, STAMP, CannotBuildError, Say, digest, ensure_built, is_built

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens, the connection is refused at once


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the npm sources without what npm installed."""
    ignored = shutil.ignore_patterns("node_modules")
    return shutil.copytree(SOURCES, tmp_path / "graphiql", ignore=ignored)


@pytest.fixture
def output(tmp_path: Path, sources: Path) -> Path:
    """What a build from these sources leaves behind, as far as the stamp goes."""
    built = tmp_path / "static" / "graphiql"
    built.mkdir(parents=True)
    (built / "index.html").write_text("built")
    (built / STAMP).write_text(digest(sources))
    return built


def no_words(text: str) -> None:
    raise AssertionError(f"it should have been quiet, it said {text}")


def test_nothing_is_done_when_the_sources_are_the_same(sources: Path, output: Path) -> None:
    assert ensure_built(sources=sources, output=output, say=no_words) is False
    assert (output / "index.html").read_text() == "built"


def edit(path: Path) -> None:
    path.write_text(path.read_text() + "\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a page edited": lambda sources: edit(sources / "src" / "samples.js"),
    "a lock renewed": lambda sources: edit(sources / "package-lock.json"),
    "a setting edited": lambda sources: edit(sources / "vite.config.js"),
    "a file added": lambda sources: (sources / "src" / "new.jsx").write_text(""),
    "a file removed": lambda sources: (sources / "src" / "mark.svg").unlink(),
    "a file renamed": lambda sources: (sources / "src" / "bar.jsx").rename(sources / "src" / "top.jsx"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_of_the_sources_asks_for_a_build(
    sources: Path, output: Path, change: Callable[[Path], object]
) -> None:
    assert is_built(output, sources=sources)
    change(sources)
    assert not is_built(output, sources=sources)


def test_what_npm_installed_and_dates_change_nothing(sources: Path, output: Path) -> None:
    (sources / "node_modules").mkdir()
    (sources / "node_modules" / "index.js").write_text("")
    (sources / "package.json").touch()
    assert is_built(output, sources=sources)


@pytest.mark.parametrize("missing", ["index.html", STAMP])
def test_half_a_build_is_none(sources: Path, output: Path, missing: str) -> None:
    (output / missing).unlink()
    assert not is_built(output, sources=sources)


def test_without_a_registry_the_old_build_stays_and_the_command_succeeds(
    sources: Path, output: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edit(sources / "src" / "samples.js")
    monkeypatch.setenv("npm_config_registry", NOWHERE)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(CannotBuildError, match=r"npm could not install the packages \(ECONNREFUSED"):
        ensure_built(sources=sources, output=output, say=lambda _: None)
    assert (output / "index.html").read_text() == "built"


def test_the_command_says_in_one_paragraph_how_to_build_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> bool:
        raise CannotBuildError("npm could not install the packages (ENOTFOUND)")

    monkeypatch.setattr(build, "ensure_built", refuse)
    assert build.main() == 0
    said = capsys.readouterr().out
    assert said.startswith("GraphiQL was not built: npm could not install the packages (ENOTFOUND).")
    assert "make graphiql" in said
    assert said.count("\n") == 1


def test_sources_that_do_not_build_fail_with_the_words_of_the_builder(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed = SOURCES / "node_modules"
    if not (installed / ".made-from").is_file():
        pytest.skip("the npm packages are not installed; run: make graphiql")
    (sources / "node_modules").mkdir()
    for package in installed.iterdir():
        (sources / "node_modules" / package.name).symlink_to(package)
    (sources / "src" / "main.jsx").write_text("import './absent.js';\n")

    def build_the_copy(*, say: Say) -> bool:
        return ensure_built(sources=sources, output=tmp_path / "out", say=say)

    monkeypatch.setattr(build, "ensure_built", build_the_copy)
    assert build.main() == 1
    assert "absent.js" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.19.0", True),
        ("100.0.0", True),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_node_is_taken_when_vite_runs_on_it(version: str, *, accepted: bool) -> None:
    assert node.is_accepted(version) is accepted


def test_an_old_node_on_the_path_is_passed_over_for_the_one_in_the_wheel(tmp_path: Path) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.20.0\n")
        (tmp_path / name).chmod(0o755)
    assert node.on_path(path=str(tmp_path)) is None
    found = node.find(path=str(tmp_path))
    assert found is not None
    assert Path(found.program).is_relative_to(sys.prefix)


def test_where_there_is_no_node_at_all_none_is_found(tmp_path: Path) -> None:
    assert node.find(path=str(tmp_path), package="no_such_wheel") is None


def test_the_wheel_is_not_taken_without_its_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unknown = tmp_path / "requirements.txt"
    unknown.write_text(f"no-such-wheel-of-ours==1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    assert node.fetch_wheel(requirements=unknown) is None


def test_the_node_wheel_is_pinned_as_in_the_development_lock() -> None:
    pin = node.REQUIREMENTS.read_text().partition("\n")[2].strip()
    lock = Path("requirements-dev.lock").read_text()
    assert pin in lock


def test_the_lock_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 100


def test_the_build_that_is_served_has_every_large_text_compressed() -> None:
    if not is_built():
        pytest.skip("GraphiQL is not built from the present sources; run: make graphiql")
    texts = [path for path in (OUTPUT / "assets").iterdir() if path.suffix in {".js", ".css"}]
    large = [path for path in texts if path.stat().st_size >= 1024]
    assert large
    assert all(path.with_name(path.name + ending).is_file() for path in large for ending in (".gz", ".br"))
