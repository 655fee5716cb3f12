"""Marks of tests that need a feature of the machine."""

import pytest

from model.kernels.library import library

needs_kernels = pytest.mark.skipif(
    library() is None, reason="no compiler, or neither AVX2 nor NEON"
)
