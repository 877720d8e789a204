"""The face of the folder: what it offers, and that looking at it is cheap."""

import subprocess
import sys

import dspy
import pytest

from limbeck import signatures


def test_importing_it_imports_nothing_heavy():
    """DSPy takes a second to import; --help must not."""
    heavy = ("dspy", "pydantic", "pyarrow", "litellm")
    code = f"import sys, limbeck.signatures; print([name for name in {heavy} if name in sys.modules])"
    env = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize("name", signatures.__all__)
def test_every_name_is_there(name):
    """What is listed can be had."""
    assert getattr(signatures, name) is not None
    assert name in dir(signatures)


def test_dspys_own_are_dspys_own():
    """A signature declared through limbeck is a DSPy signature."""
    assert signatures.Signature is dspy.Signature
    assert signatures.InputField is dspy.InputField


def test_other_names_are_not():
    """A wrong name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = signatures.Nothing
