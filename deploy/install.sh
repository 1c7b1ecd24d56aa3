#!/bin/sh
# Build the virtual environment from the pinned, hashed requirements. Usage: install.sh FOLDER. One sentence for each way to fail.
set -u
venv=$1

say() { printf '%s\n' "$*" >&2; }

python=
for name in python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    say "found no Python 3.11 or newer on PATH; install the package python3 (3.11 or newer)"
    exit 1
fi

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    echo "making $venv with $python"
    if ! log=$("$python" -m venv --clear "$venv" 2>&1); then
        rm -rf "$venv"
        say "$python cannot make a virtual environment; install the package python3-venv, and look for a full disk or a read-only folder ($(printf '%s' "$log" | tail -n 1))"
        exit 1
    fi
fi

install() {
    if ! log=$("$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" 2>&1); then
        say "the requirements could not be installed; is there a network and room on the disk? pip said: $(printf '%s' "$log" | grep -i error | tail -n 1)"
        exit 1
    fi
}

echo "installing the pinned requirements (a minute at the first time)"
install --require-hashes -r requirements/runtime.txt
echo "installing the tools for tests"
install --require-hashes -r requirements/dev.txt
install --no-deps --no-build-isolation -e .
