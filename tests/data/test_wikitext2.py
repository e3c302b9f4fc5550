"""A download of WikiText-2 is compared with what was published before it is kept."""

import pytest

from scaling_lab import LabError
from scaling_lab.data import hub
from scaling_lab.data.wikitext2 import PUBLISHED, Wikitext2
from scaling_lab.storage.cache import cache_path


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """Serves splits with the published counts, less some lines of one of them."""
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path))
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path / "none"))

    def serve(short="", missing=0):
        def rows(corpus, split):
            name = {"validation": "valid"}.get(split, split)
            lines, tokens = PUBLISHED[name]
            yield {"text": "word " * (tokens - 2 * lines + 1) + "\n"}
            for _ in range(lines - 1 - (missing if name == short else 0)):
                yield {"text": " word \n"}

        monkeypatch.setattr(hub, "rows", rows)

    return serve


def test_a_whole_download_is_kept(downloads):
    downloads()
    source = Wikitext2(split="official")
    source.fetch()
    assert source.location() == cache_path("data", "wikitext2")
    assert len(source.files()) == 3


@pytest.mark.parametrize("split", PUBLISHED)
def test_a_short_download_is_refused(downloads, split):
    downloads(split, missing=1)
    with pytest.raises(LabError, match=rf"in its {split} split, not the published"):
        Wikitext2(split="official").fetch()
    assert not cache_path("data", "wikitext2", f"{split}.txt").exists()
    assert Wikitext2(split="official").location() is None
