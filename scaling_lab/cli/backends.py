"""The backend that `run` is asked for on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import LabError


def chosen(name: str, address: str, options: Sequence[str] | None, workers: int | None):
    """The backend of a name, with its options as texts `NAME=VALUE`.

    Raises LabError for an unknown name, option or value.
    """
    from ..engine import backends

    given: dict[str, object] = {"address": address} if address else {}
    for text in options or []:
        option, sign, value = text.partition("=")
        if not sign:
            raise LabError(f"--backend-option {text} is not NAME=VALUE; write e.g. gpus=1")
        given[option] = value
    if workers is not None:
        if name not in WORKERS:
            raise LabError(
                f"--workers is for the backends {' and '.join(WORKERS)}; for {name} give a "
                "--backend-option"
            )
        given[WORKERS[name]] = workers
    place = backends.named(name, **given)
    if name != "local":
        leave_devices()
    return place


# Backend -> its option for the number of ensembles that train in parallel.
WORKERS = {"local": "threads", "process": "processes"}


def leave_devices() -> None:
    """Keep this process on the CPU: the accelerators' memory is for its workers."""
    import jax

    jax.config.update("jax_platforms", "cpu")
