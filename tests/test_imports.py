"""The house's layers: who may import whom, that there is no circle, and who imports no jax.

Every import statement counts, also those inside functions and those for type checking alone.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up. A module imports its own room and the rooms before it. A room is a module, or
# a package with all that is in it; `package.*` is what is in it without its own `__init__`. Where
# several rooms fit, the longest name holds.
LAYERS = """
    scaling_lab.errors
    scaling_lab.git
    scaling_lab.reading
    scaling_lab.storage.cache
    scaling_lab.storage.objects.buckets
    scaling_lab.storage.objects.mirror
    scaling_lab.storage.atomic
    scaling_lab.storage.remembered
    scaling_lab.sources
    scaling_lab.plugins
    scaling_lab.exports
    scaling_lab.conditions
    scaling_lab.shuffle
    scaling_lab.populations
    scaling_lab.examples
    scaling_lab.data
    scaling_lab.environments
    scaling_lab.products
    scaling_lab.counting
    scaling_lab.opened_files
    scaling_lab.registry
    scaling_lab.source_digest
    scaling_lab.protocols
    scaling_lab.stream
    scaling_lab.recipe
    scaling_lab.recorded_config
    scaling_lab.config
    scaling_lab.claim
    scaling_lab.grid
    scaling_lab.snapshots
    scaling_lab.storage
    scaling_lab.identity
    scaling_lab.selection
    scaling_lab.looks
    scaling_lab.experiment
    scaling_lab.sweeps
    scaling_lab.definition
    scaling_lab.registration
    scaling_lab.lineage
    scaling_lab.plan
    scaling_lab.observables
    scaling_lab.parametrization
    scaling_lab.optim
    scaling_lab.layers
    scaling_lab.models
    scaling_lab.text
    scaling_lab.images
    scaling_lab.data.*
    scaling_lab.models.*
    scaling_lab.environments.*
    scaling_lab.learners
    scaling_lab.engine
    scaling_lab.artifacts

    scaling_lab.analysis.numbers
    scaling_lab.analysis.kept
    scaling_lab.analysis.minor_ticks
    scaling_lab.analysis.plotting
    scaling_lab.analysis.shared_error
    scaling_lab.analysis.clustering
    scaling_lab.analysis.table_files
    scaling_lab.analysis.recipes
    scaling_lab.analysis.tables
    scaling_lab.analysis.columns
    scaling_lab.analysis.encoding
    scaling_lab.analysis.style
    scaling_lab.analysis.laws
    scaling_lab.analysis.laws_catalogue
    scaling_lab.analysis.checks
    scaling_lab.analysis.fitting
    scaling_lab.analysis.frontier
    scaling_lab.analysis.experiment_tables
    scaling_lab.analysis.registration
    scaling_lab.analysis.unheld_numbers
    scaling_lab.analysis.theory
    scaling_lab.analysis.studies
    scaling_lab.analysis.claims
    scaling_lab.analysis.design
    scaling_lab.analysis.sequential
    scaling_lab.analysis.estimates
    scaling_lab.analysis.figures
    scaling_lab.analysis.report
    scaling_lab.analysis.atlas
    scaling_lab.analysis

    scaling_lab.cli
    scaling_lab
"""
ROOMS = [line.strip() for line in LAYERS.splitlines() if line.strip()]
# All that analysis may know of the lab: it reads tables, and keeps its compiled programs.
FROM_LAB = (
    "scaling_lab.errors",
    "scaling_lab.plugins",
    "scaling_lab.sources",
    "scaling_lab.exports",
    "scaling_lab.conditions",
    "scaling_lab.claim",
    "scaling_lab.looks",
    "scaling_lab.registration",
    "scaling_lab.populations",
    "scaling_lab.storage",
    "scaling_lab.engine.compilation_cache",
)


def module_of(path: Path) -> str:
    """The dotted name of a file: analysis/ is installed as scaling_lab.analysis."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(("scaling_lab", *parts) if parts[0] == "analysis" else parts)


FILES = {
    module_of(path): path
    for top in ("scaling_lab", "analysis")
    for path in sorted((ROOT / top).rglob("*.py"))
    if top == "analysis" or "analysis" not in path.relative_to(ROOT).parts
}


def imported(module: str, path: Path, known: set[str]) -> set[str]:
    """The modules of `known` that a file names in an import, wherever the statement stands."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*home, *([node.module] if node.module else [])])
            inner = {f"{source}.{alias.name}" for alias in node.names}
            found |= inner & known or {source}
            found |= {source} if inner - known else set()
    return {name for name in found if name.split(".")[0] in ("scaling_lab", "experiments")}


def room(module: str) -> str:
    """The longest room that holds a module; the module itself if none does."""
    fits = (r for r in ROOMS if module == r or module.startswith(f"{r.removesuffix('.*')}."))
    return max(fits, key=len, default=module)


def arrows(files: dict[str, Path]) -> dict[str, set[str]]:
    """Module -> the modules it imports, itself left out."""
    known = set(files)
    return {name: imported(name, path, known) - {name} for name, path in files.items()}


def upward(edges: dict[str, set[str]]) -> list[str]:
    """Imports of a room that lies above the importer's own."""
    return [
        f"{name} imports {other}, which lies above it"
        for name, others in edges.items()
        for other in sorted(others)
        if other.startswith("scaling_lab") and ROOMS.index(room(other)) > ROOMS.index(room(name))
    ]


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import one another in a circle (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in edges:
        if name not in index:
            visit(name)
    return found


def test_every_module_has_a_room():
    assert {room(name) for name in FILES} <= set(ROOMS)


def test_imports_point_down():
    assert upward(arrows(FILES)) == []


def test_there_is_no_import_circle():
    assert circles(arrows(FILES)) == []


def test_the_lab_knows_neither_experiments_nor_analysis():
    for name, others in arrows(FILES).items():
        for other in others:
            assert not other.startswith("experiments"), f"{name} imports {other}"
            if name.startswith("scaling_lab.analysis") and not other.startswith(
                "scaling_lab.analysis"
            ):
                assert other.startswith(FROM_LAB), f"{name} imports {other}"


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        ("storage/locks/lock.py", "from ...engine import provenance", "upward"),
        ("models/mlp.py", "from ..learners import supervised", "upward"),
        ("recipe.py", "def f():\n    from . import config", "upward"),
        ("layers/linear.py", "from .attention import SelfAttention", "circle"),
    ],
)
def test_an_added_arrow_is_found(file, line, found, tmp_path):
    module = module_of(ROOT / "scaling_lab" / file)
    copy = tmp_path / Path(file).name
    copy.write_text(f"{FILES[module].read_text()}\n{line}\n")
    edges = arrows({**FILES, module: copy})
    assert upward(edges) if found == "upward" else circles(edges)


@pytest.mark.parametrize(
    "statement",
    [
        "import scaling_lab.analysis",
        "import scaling_lab",
        "from scaling_lab import cli; cli.main(['--help'])",
        "from scaling_lab import claim, config, counting, experiment, grid, plan, recipe",
        "from scaling_lab.storage import cache, parameters, records, schema",
        "from scaling_lab.storage.locks import lock",
    ],
)
def test_no_jax_at_import(statement):
    guarded = f"try:\n    {statement}\nexcept SystemExit:\n    pass\n"
    code = f"import sys\n{guarded}print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
