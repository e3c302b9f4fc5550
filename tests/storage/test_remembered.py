"""Values in the user's cache: made once for a key, and again if the cache fails."""

from scaling_lab.storage.remembered import remembered


def test_a_value_is_made_once_for_each_key(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return {"found": [len(made), 0.1]}

    assert remembered("things", ("key", b"1"), make) == {"found": [1, 0.1]}
    assert remembered("things", ("key", b"1"), make) == {"found": [1, 0.1]}
    assert remembered("things", ("key", b"2"), make) == {"found": [2, 0.1]}
    for file in (tmp_path / "things").iterdir():
        file.write_text("{")
    assert remembered("things", ("key", b"1"), make) == {"found": [3, 0.1]}


def test_without_a_cache_it_is_made_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "file"))
    found = iter(range(2))
    assert [remembered("things", "key", lambda: next(found)) for _ in range(2)] == [0, 1]
