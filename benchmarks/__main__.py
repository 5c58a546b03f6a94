"""`make bench`: every benchmark in turn, each in a process of its own, with small defaults.

Each module also runs alone (`python -m benchmarks.decode`) and says what its options are.
"""

import subprocess
import sys

BENCHMARKS = {
    "decode": [],
    "state": ["--keys", "100000"],
    "burst": ["--keys", "50000", "--listed", "1000"],
    "sagas": ["100000"],
    "start": [],
}


def main() -> int:
    failed = [
        name
        for name, options in BENCHMARKS.items()
        if subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *options], check=False
        ).returncode
    ]
    print("failed: " + ", ".join(failed) if failed else "every benchmark's answers were right")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
