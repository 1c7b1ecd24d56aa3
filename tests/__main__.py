"""All tests: `python -m tests`. Those that compute run beside those that mostly wait for real servers, and give way to them.

What the computing ones say is kept and printed after the others; the exit code is 0 when all of both passed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

#: They start no server and need no pause of real time.
COMPUTING = ("tests/unit", "tests/virtual", "tests/fuzz")
#: Which rows of the table of faults are made: those of its slice.
FAULTS = "not chaos or slice"
#: How far the computing ones step back.
NICENESS = 10

_PYTEST = (sys.executable, "-m", "pytest", "-v", "--tb=short", "--durations=10")


def main() -> int:
    with tempfile.TemporaryFile("w+") as said:
        command = (*_PYTEST, "-p", "no:cacheprovider", *COMPUTING)
        beside = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, preexec_fn=lambda: os.nice(NICENESS))
        began = time.monotonic()
        try:
            real = subprocess.run(
                (*_PYTEST, "-m", FAULTS, "tests", *(f"--ignore={folder}" for folder in COMPUTING)), check=False
            ).returncode
            print(f"\nwaited for: {' '.join(COMPUTING)}, begun {time.monotonic() - began:.0f} s ago", flush=True)
            computing = beside.wait()
        finally:
            if beside.poll() is None:
                beside.send_signal(signal.SIGINT)
            beside.wait()
        said.seek(0)
        for line in said:
            sys.stdout.write(line)
    for what, code in (("real parts", real), ("computing", computing)):
        print(f"{what}: {'passed' if code == 0 else f'failed, exit code {code}'}")
    return real or computing


if __name__ == "__main__":
    sys.exit(main())
