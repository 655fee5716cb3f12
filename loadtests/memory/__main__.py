"""The command `python -m loadtests.memory`: of loading, or, with `warm`, of a service (Linux)."""

import sys

from loadtests.memory import loading, warm

if __name__ == "__main__":
    words = sys.argv[1:]
    raise SystemExit(warm.main(words[1:]) if words[:1] == ["warm"] else loading.main(words))
