"""What a machine can do, for the tests that need it."""

import pytest

from model.kernels.library import library

needs_kernels = pytest.mark.skipif(library() is None, reason="no compiler, or no AVX-512 VNNI")
