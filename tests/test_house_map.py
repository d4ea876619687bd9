"""The map of the code in the contributing guide names every file."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_house_map_names_every_file_of_the_package():
    lines = (ROOT / "docs" / "contributing.rst").read_text(encoding="utf-8").splitlines()
    package = lines.index("   sklearn_rnn/")
    end = next(i for i, line in enumerate(lines) if line.startswith("   tests/"))
    folders: list[str] = []
    mapped = set()
    for line in lines[package:end]:
        name, _, purpose = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip()) - 3) // 2
        folders = [*folders[:depth], name]
        if not name.endswith("/"):
            mapped.add("".join(folders))
        assert purpose.strip() or depth == 0, f"{name} has no purpose in the map"
    files = {str(p.relative_to(ROOT).as_posix()) for p in (ROOT / "sklearn_rnn").rglob("*.py")}
    files = {f for f in files if f.count("/") == 1 or not f.endswith("/__init__.py")}
    assert mapped == files


def test_house_map_names_every_benchmark():
    lines = (ROOT / "docs" / "contributing.rst").read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("     benchmarks/")) + 1
    end = lines.index(
        "   examples/                   plot_<task>.py, each about a minute on two cores"
    )
    mapped = [line.split()[0] for line in lines[first:end]]
    assert sorted(mapped) == sorted(p.name for p in (ROOT / "tests" / "benchmarks").glob("*.py"))
