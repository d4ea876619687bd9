"""Imports run one way: data, nn <- training <- _base <- estimators."""

import ast
from pathlib import Path

import pytest

import sklearn_rnn

ROOT = Path(sklearn_rnn.__file__).parent
ALLOWED = {
    "data": {"data"},
    "nn": {"nn"},
    "training": {"data", "nn", "training"},
    "augmentation": {"augmentation", "data", "_params"},
    "_base": {
        "augmentation",
        "data",
        "nn",
        "training",
        "_device",
        "_identity",
        "_network",
        "_own_callbacks",
        "_params",
        "_random",
        "_shared_parameters",
    },
    "_network": {"augmentation", "data", "nn", "training", "_reader"},
    "_own_callbacks": {"training"},
    "_shared_parameters": {"augmentation", "nn", "training", "_device", "_params"},
    "_identity": set(),
    "callbacks": {"training"},
    "distributed": {"training"},
    "_reader": {"data"},
    "_device": set(),
    "_params": set(),
    "_random": set(),
    "_many_to_one": {"_base", "_params", "_shared_parameters", "data", "nn", "training"},
    "_class_weight": {"_params", "data"},
    "_labels": {"_base", "_class_weight", "data", "training"},
    "_classifier": {"_class_weight", "_labels", "_many_to_one", "_params", "data"},
    "_step": {"_base", "_params", "_shared_parameters", "augmentation", "data", "nn"},
    "_step_classifier": {"_class_weight", "_labels", "_params", "_step", "data", "nn"},
    "_step_regressor": {"_step", "data", "nn"},
    "_seq2seq": {"_shared_parameters", "_base", "_params", "data", "nn", "training"},
    "_seq2seq_classifier": {"_params", "_seq2seq", "data", "nn", "training"},
    "_seq2seq_regressor": {"_seq2seq", "data", "nn", "training"},
    "_next_token": {"_base", "data", "nn", "training"},
    "_language_model": {"_next_token", "_params", "_random", "data", "nn", "training"},
    "_regressor": {"_many_to_one", "data"},
    "datasets": {"datasets"},
    "preprocessing": {"data", "preprocessing"},
    "metrics": {"data", "metrics"},
    "model_selection": {
        "_base",
        "_language_model",
        "_many_to_one",
        "_params",
        "_seq2seq",
        "model_selection",
        "nn",
        "training",
    },
    "inspection": {
        "_base",
        "_language_model",
        "_params",
        "_random",
        "_reader",
        "_seq2seq",
        "_step",
        "data",
        "inspection",
        "nn",
        "training",
    },
}


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "imports are absolute"
            yield node.module


def files_of(room):
    return sorted((ROOT / room).glob("**/*.py")) or [ROOT / f"{room}.py"]


@pytest.mark.parametrize("room", ALLOWED)
def test_room_imports_only_what_lies_below(room):
    own = {
        name.split(".")[1]
        for path in files_of(room)
        for name in imported_modules(path)
        if name.startswith("sklearn_rnn.")
    }
    assert own <= ALLOWED[room]
    # what the package itself offers are estimators
    assert "sklearn_rnn" not in {name for path in files_of(room) for name in imported_modules(path)}


@pytest.mark.parametrize("room", ["data", "nn"])
def test_data_and_nn_know_no_estimators_and_no_skorch(room):
    foreign = {name for path in files_of(room) for name in imported_modules(path)}
    assert not {name for name in foreign if name.startswith(("skorch", "sklearn.base"))}
    if room == "nn":
        assert not {name for name in foreign if name.split(".")[0] == "sklearn"}
    else:
        assert not {name for name in foreign if name.startswith("torch.nn")}


def test_only_training_imports_skorch():
    importing = {
        path.parent.name
        for path in ROOT.glob("**/*.py")
        if any(name.split(".")[0] == "skorch" for name in imported_modules(path))
    }
    assert importing == {"training"}
