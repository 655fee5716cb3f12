"""The environment and Hypothesis profiles that every test runs under."""

import os
import signal

import structlog
from hypothesis import HealthCheck, settings

# Set here, before anything imports torch, Ray or a tokenizer: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "2")  # more threads than cores spin instead of working
# A thread of OpenMP that waits for its team sleeps: spinning on a core that another process needs
# makes a tiny product take milliseconds.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # no warning about forks
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that reaches for a hub fails at once
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"  # or Ray writes a token into the home directory

# A developer's own settings would change what the tests see. Two names are kept: the tests' own,
# and whose kernels compute, as the tests are to pass with either.
for name in [name for name in os.environ if name.startswith("DRAGOMAN_")]:
    if name not in ("DRAGOMAN_CRD_SCHEMAS", "DRAGOMAN_KERNELS"):
        del os.environ[name]

# A run in a shell's background may have SIGINT ignored; its children, to be stopped by just that,
# would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Unless told otherwise, as the service does, structlog shows every variable of a traceback: it
# takes seconds for a fault within the API.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

pytest_plugins = ["tests.support.engine.kernel_levels"]

# No deadline: the first example pays for torch's warm-up, and a busy machine is no bug.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# In CI the same examples every time, so that a red run is the change's own.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
