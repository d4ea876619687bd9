"""The guide's own code, for tests that run it."""

import textwrap
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def code_block(page, name, changes):
    """Return the code block of this name, with texts that suit the page replaced for a test."""
    _, start, rest = (DOCS / page).read_text(encoding="utf-8").partition(f"   :name: {name}\n")
    assert start, f"{page} has no code block named {name}"
    lines = []
    for line in rest.splitlines():
        if line and not line.startswith("   "):
            break
        lines.append(line)
    code = textwrap.dedent("\n".join(lines))
    for text, replacement in changes.items():
        assert text in code
        code = code.replace(text, replacement)
    return code
