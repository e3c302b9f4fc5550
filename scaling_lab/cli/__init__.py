"""The command line: `scaling-lab VERB ...`. The only part of the package that imports all others.

Each file here holds a group of verbs. A verb imports what it needs inside its own body, so that
`--help` and errors need no jax.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import LabError
from ..storage.objects.mirror import opened
from . import output

RESULTS = Path("results")
Folder = Annotated[
    Path,
    typer.Option(
        "--results",
        help="Folder of all results, or its URL: `s3://bucket/prefix`, `gs://bucket/prefix`.",
        metavar="PATH",
        parser=opened,
    ),
]

app = typer.Typer(
    name="scaling-lab",
    help="A laboratory for scaling laws: plan and run grids over N, D and C, fit laws, report.",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def fit_on_cpu() -> None:
    """Set up a process that only fits; call it before numpy and jax are imported.

    Fitting must not take an accelerator's memory, and its matrices are too small to share among
    BLAS threads, which would only spin.
    """
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


# Importing a file registers its verbs; --help lists them in this order.
FAMILIES = (
    "grids",
    "designs",
    "registrations",
    "reruns",
    "fits",
    "reports",
    "laws",
    "atlases",
    "estimates",
    "text",
    "pictures",
    "datasets",
    "doctor",
)
for family in FAMILIES:
    importlib.import_module(f".{family}", __name__)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit status 2 on bad input, 1 on a failed run."""
    # Else the interpreter's last collection walks all that was imported, for 0.3 s.
    atexit.register(gc.freeze)
    with output.guarded():
        code = _called(sys.argv[1:] if arguments is None else arguments)
    sys.exit(code)


def _called(arguments: list[str]) -> int:
    """Call the verb; its exit status."""
    try:
        code = app(arguments or ["--help"], standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.TyperException as error:
        code = _wrong(error.format_message())
    except LabError as error:
        code = _wrong(str(error))
    except typer.Exit as ended:
        code = ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        code = 141
    except MemoryError:
        code = _wrong("memory has run out; free some, or raise the limit (ulimit -v)")
    return code or 0


def _wrong(message: str) -> int:
    print(f"scaling-lab: {' '.join(message.split())}", file=sys.stderr)
    return 2
