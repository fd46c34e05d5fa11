"""graphql-codegen and tsc accept the printed schema with the operations that we show or use ourselves."""

import json
import shutil
from pathlib import Path

import pytest

from tests.clients.operations import shown, together
from tests.clients.workshop import EXAMPLES, SOURCES, Workshop, opened

OF_DASHBOARD = Path(__file__).parents[2] / "dashboard" / "static" / "app" / "operations.js"
TSC = "node_modules/typescript/bin/tsc"


@pytest.fixture(scope="module")
async def generated(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A TypeScript project after `npx graphql-codegen`."""
    workshop = opened(tmp_path_factory.mktemp("typed"))
    source = workshop.folder / "src"
    for place in (SOURCES, EXAMPLES):
        shutil.copytree(place / "src", source, dirs_exist_ok=True)
    of_dashboard = json.loads(await workshop.run("operations.js", OF_DASHBOARD.as_uri()))
    (source / "operations.graphql").write_text(together([*of_dashboard, *shown()]), "utf-8")
    await workshop.run("node_modules/@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts")
    return workshop


async def test_the_generated_types_compile_and_refuse_what_they_must(generated: Workshop) -> None:
    assert await generated.run(TSC, "--project", "tsconfig.json") == ""


async def test_every_scalar_of_ours_is_mapped_to_a_type(generated: Workshop) -> None:
    types = (generated.folder / "src" / "gql" / "graphql.ts").read_text("utf-8")
    assert ": any" not in types
