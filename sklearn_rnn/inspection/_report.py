"""Figures of sequences as text and as a page for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import pandas as pd

MOST_ROWS = 30
"""Rows of a table that are shown."""

_SHARES = ("missing", "share")

_STYLE = """
.sklearn-rnn-report {
  --line: color-mix(in srgb, currentColor 22%, transparent);
  --faint: color-mix(in srgb, currentColor 6%, transparent);
  font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.4; color: inherit;
  border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; max-width: 60em;
}
.sklearn-rnn-report p { margin: 0 0 6px; }
.sklearn-rnn-report ul { margin: 4px 0 8px; padding-left: 1.3em; }
.sklearn-rnn-report li { margin: 2px 0; }
.sklearn-rnn-report details { border-top: 1px solid var(--line); padding: 5px 0; }
.sklearn-rnn-report summary { cursor: pointer; font-weight: 600; }
.sklearn-rnn-report .scroll { overflow-x: auto; }
.sklearn-rnn-report table { border-collapse: collapse; margin: 4px 0; font-size: 12px; }
.sklearn-rnn-report th, .sklearn-rnn-report td {
  padding: 2px 9px; text-align: right; border: 0; background: none; color: inherit;
}
.sklearn-rnn-report th:first-child { text-align: left; }
.sklearn-rnn-report thead th { border-bottom: 1px solid var(--line); }
.sklearn-rnn-report tbody tr:nth-child(even) { background: var(--faint); }
.sklearn-rnn-report .concerns {
  border-left: 3px solid #d97706; background: var(--faint); padding: 6px 10px; margin: 6px 0;
}
"""


def as_text(description: Any) -> str:
    """Return all figures as plain text."""
    parts = [_headline(description)]
    for title, table, cut in _tables(description):
        shown = table.to_string()
        parts.append("\n".join([f"{title}:", *("  " + line for line in shown.splitlines()), *cut]))
    concerns = [f"- {sentence}" for sentence in description.warnings]
    parts.append("\n".join(["To look at:", *concerns]) if concerns else _NOTHING)
    return "\n\n".join(parts)


def as_html(description: Any) -> str:
    """Return all figures as a page that stands for itself."""
    parts = ['<div class="sklearn-rnn-report">', f"<style>{_STYLE}</style>"]
    parts.append(f"<p><strong>{escape(_headline(description))}</strong></p>")
    if description.warnings:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in description.warnings)
        parts.append(f'<div class="concerns"><strong>To look at</strong><ul>{items}</ul></div>')
    else:
        parts.append(f"<p>{_NOTHING}</p>")
    for i, (title, table, cut) in enumerate(_tables(description)):
        is_open = " open" if i < 2 else ""
        rows = "".join(f"<p>{escape(line.strip())}</p>" for line in cut)
        parts.append(
            f"<details{is_open}><summary>{escape(title)}</summary>"
            f'<div class="scroll">{_html_table(table)}</div>{rows}</details>'
        )
    return "".join([*parts, "</div>"])


_NOTHING = "Nothing to look at was found."


def _headline(description: Any) -> str:
    lengths = description.lengths
    low, high = int(lengths["shortest"]), int(lengths["longest"])
    steps = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    n_numbers, n_categories = len(description.channels), len(description.categories)
    channels = [f"{_counted(n_numbers, 'channel')} of numbers"] * bool(n_numbers)
    channels += [f"{_counted(n_categories, 'channel')} of categories"] * bool(n_categories)
    n_static = len(description.static) + len(description.static_categories)
    beside = f", {_counted(n_static, 'column')} beside them" if n_static else ""
    target = f"; y: {description.target_kind}" if description.target_kind else ""
    return (
        f"{_counted(description.n_sequences, 'sequence')} of {steps} steps, "
        f"{' and '.join(channels)}{beside}{target}"
    )


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _tables(description: Any) -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    """Yield title, what is shown, and a line for what is not."""
    lengths = description.lengths.map(lambda n: f"{n:,.4g}" if n < 1e4 else f"{n:,.0f}")
    yield "Steps a sequence", lengths.to_frame("").T, []
    padding = description.padding.map(lambda share: f"{share:.1%}")
    yield "Padding", padding.to_frame("").T, []
    for title, table in (
        ("Channels of numbers", description.channels),
        ("Channels of categories", description.categories),
        ("Numbers beside the sequences", description.static),
        ("Categories beside the sequences", description.static_categories),
        (f"y ({description.target_kind})", description.target),
    ):
        if table is None or len(table) == 0:
            continue
        n_more = len(table) - MOST_ROWS
        cut = [f"  and {n_more:,} more"] if n_more > 0 else []
        yield title, _formatted(table.head(MOST_ROWS)), cut
    duplicates = {"equal to an earlier one": f"{description.n_duplicates:,}"}
    if description.target_kind:
        duplicates["with different y"] = f"{description.n_contradictory:,}"
    yield "Equal sequences", pd.DataFrame([duplicates], index=[""]), []
    if description.test is not None:
        test = {
            name: f"{100 * value:.2g}%" if str(name).startswith("unknown") else f"{value:,.0f}"
            for name, value in description.test.items()
        }
        yield "X_test", pd.DataFrame([test], index=[""]), []


def _formatted(table: pd.DataFrame) -> pd.DataFrame:
    shown = {
        str(name).replace("_", " "): [_cell(str(name), value) for value in column.tolist()]
        for name, column in table.items()
    }
    return pd.DataFrame(shown, index=[_short(str(label)) for label in table.index])


def _cell(column: str, value: Any) -> str:
    if column in _SHARES:
        return f"{value:.1%}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else _short(str(value))


def _short(text: str) -> str:
    text = repr(text)[1:-1] if not text.isprintable() or text.isspace() else text
    return text if len(text) <= 40 else text[:37] + "..."


def _html_table(table: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    rows = "".join(
        f"<tr><th>{escape(str(label))}</th>"
        + "".join(f"<td>{escape(str(value))}</td>" for value in row)
        + "</tr>"
        for label, row in zip(table.index, table.to_numpy(), strict=True)
    )
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
