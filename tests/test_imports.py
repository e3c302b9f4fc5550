"""The one direction of the design: who may import whom, and who imports no jax."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(p for top in ("scaling_lab", "analysis") for p in (ROOT / top).rglob("*.py"))
# All that analysis may know of the lab.
FROM_LAB = {"errors", "storage", "experiment", "engine"}

# What is asked for and what is stored: planning and reading results need no jax.
WITHOUT_JAX = ["config", "recipe", "grid", "plan", "claim", "experiment", "counting"]
WITHOUT_JAX += [
    f"storage.{path.stem}" for path in sorted((ROOT / "scaling_lab/storage").glob("[a-z]*.py"))
]


def imported(path: Path) -> set[str]:
    """Absolute names of the modules a file imports, from scaling_lab, analysis and experiments."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = list(parts[: -node.level]) if node.level else []
            module = ".".join([*home, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return {
        name for name in found if name.split(".")[0] in ("scaling_lab", "analysis", "experiments")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_lies_below_it(path):
    name = str(path.relative_to(ROOT))
    for module in imported(path):
        top, _, rest = module.partition(".")
        if name.startswith("scaling_lab"):
            assert top == "scaling_lab" or name.startswith("scaling_lab/cli/"), (
                f"{name} reaches up to {module}"
            )
        else:
            assert top != "experiments", f"{name} imports {module}"
            if top == "scaling_lab" and rest:
                assert rest.split(".")[0] in FROM_LAB, f"{name} imports {module}"


@pytest.mark.parametrize(
    "statement",
    [
        "import scaling_lab.analysis",
        "import scaling_lab",
        "from scaling_lab import cli; cli.main(['--help'])",
        *(f"import scaling_lab.{name}" for name in WITHOUT_JAX),
    ],
)
def test_no_jax_at_import(statement):
    guarded = f"try:\n    {statement}\nexcept SystemExit:\n    pass\n"
    code = f"import sys\n{guarded}print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
