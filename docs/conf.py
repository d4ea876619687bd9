"""Sphinx configuration. Build with ``python -m sphinx -W docs docs/_build/html``."""

import os
import re

# A progress bar is shown in its last state only. tqdm looks at this when it is imported.
os.environ.setdefault("TQDM_MININTERVAL", "1000")

import sklearn_rnn

project = "sklearn_rnn"
author = "sklearn_rnn developers"
project_copyright = "2026, sklearn_rnn developers"
version = release = sklearn_rnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
nitpicky = False

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "doc_module": "sklearn_rnn",
    "reference_url": {"sklearn_rnn": None},
    "backreferences_dir": "generated/backreferences",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "parallel": 2,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_rnn"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {
    page: []
    for page in (
        "index",
        "sequence_data",
        "user_guide",
        "training",
        "tuning",
        "sequence_answers",
        "language_models",
        "metrics",
        "inspection",
        "preprocessing",
        "many_machines",
        "defaults",
        "performance",
        "contributing",
    )
}


def without_foreign_labels(app, what, name, obj, options, lines):
    """Turn a reference to a page of scikit-learn's guide, in an inherited docstring, into text."""
    if getattr(obj, "__module__", "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^`<]+?)\s*<[^`]*>`", r"\1", line) for line in lines]


def setup(app):
    """Let Sphinx call the above."""
    app.connect("autodoc-process-docstring", without_foreign_labels)


# Docstrings that searches inherit name terms of scikit-learn's glossary, which is not here.
suppress_warnings = ["ref.term"]
