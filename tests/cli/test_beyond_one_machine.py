"""The commands of docs/beyond-one-machine.md run, with a bucket at loopback and a tiny grid."""

import re
import shlex

import pytest

from scaling_lab import cli, registry
from scaling_lab.engine import backends


@pytest.mark.slow
def test_the_commands_of_the_section_on_object_stores_run(
    root, bucket, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "beyond-one-machine.md").read_text()
    section = text.partition("## Results on an object store\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    tiny = root / "tests" / "tiny_experiment.py"
    said = {}
    for line in block.splitlines():
        _, verb, *words = shlex.split(line.replace("s3://my-bucket", bucket))
        words = [word.replace("e01_digits_mlp", "tiny_experiment") for word in words]
        words = [str(tiny) if word == "tiny_experiment" else word for word in words]
        with pytest.raises(SystemExit) as ended:
            cli.main([verb, *words])
        said[verb] = capsys.readouterr()
        assert ended.value.code == 0, said[verb].err
    assert "To train: 12 runs" in said["plan"].out
    assert "12 done" in said["run"].out
    assert "12 done" in said["status"].out
    assert f"published as {bucket}/results/tiny_experiment/report.html" in said["report"].out
    assert (tmp_path / "tables" / "tiny_experiment_runs.csv").exists()
    assert "12 points" in said["fit"].out


@pytest.mark.slow
def test_the_commands_of_the_section_on_training_elsewhere_run(root, tmp_path, monkeypatch, capsys):
    """On this machine; a command for a cluster is checked as far as its options."""
    pytest.importorskip("ray", reason="pip install 'scaling-lab[ray]'")
    pytest.importorskip("submitit", reason="pip install 'scaling-lab[slurm]'")
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "beyond-one-machine.md").read_text()
    section = text.partition("## Training elsewhere\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    tiny, trained = root / "tests" / "tiny_experiment.py", []
    for line in block.splitlines():
        _, verb, _, *words = shlex.split(line)
        given = dict(zip(words[::2], words[1::2], strict=True))
        options = [word.partition("=") for word in words if "=" in word]
        place = backends.named(
            given["--backend"],
            **{"address": given["--address"]} if "--address" in given else {},
            **{name: value for name, _, value in options},
        )
        assert registry.name_of(place) == given["--backend"]
        if "--address" in given or "gpus=1" in words:
            continue
        folder = tmp_path / str(len(trained))
        words += ["--results", str(folder), "--width", "6", "--only", "N == min(N)"]
        with pytest.raises(SystemExit) as ended:
            cli.main([verb, str(tiny), *words])
        said = capsys.readouterr()
        assert ended.value.code == 0, said.err
        assert "6 done" in said.out
        trained.append(given["--backend"])
    assert trained == ["process", "ray", "slurm"]
