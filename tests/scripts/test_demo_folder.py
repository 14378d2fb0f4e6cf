"""`assent demo --out`: it empties what an earlier demo wrote, and nothing else."""

from pathlib import Path

from scripts.demo.out_folder import alone_in
from tests.hospital import assent


def test_a_folder_with_other_things_in_it_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "bundle").mkdir()
    refused = assent("demo", "--out", tmp_path)
    assert refused.code == 2
    assert "thesis.tex" in refused.words and "name another folder" in refused.words
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert (tmp_path / "bundle").is_dir()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    assert assent("demo", "--out", tmp_path / "out").code == 2
    assert (tmp_path / "out").read_text() == "mine"


def test_what_an_earlier_demo_wrote_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "state" / "sites").mkdir(parents=True)
    (tmp_path / "summary.json").write_text("{}")
    with alone_in(tmp_path):
        assert [one.name for one in tmp_path.iterdir()] == ["demo.lock"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path / "out"):
        (tmp_path / "out" / "state").mkdir()
        refused = assent("demo", "--out", tmp_path / "out")
        assert refused.code == 2
        assert "another demo runs in" in refused.words
        assert (tmp_path / "out" / "state").is_dir()
