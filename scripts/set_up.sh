#!/bin/sh
# Create the virtual environment $1 and install the project with its test tools. Safe to run again.
set -eu
venv=$1

python=
for candidate in python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed; on Debian or Ubuntu: apt-get install python3 python3-venv" >&2
    exit 1
fi

if [ ! -x "$venv/bin/pip" ]; then
    echo "== creating $venv with $($python --version)"
    # Debian splits venv's ensurepip off; a fresh system may lack it.
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
            echo "Python's venv module is incomplete; run: sudo apt-get install python$version-venv" >&2
            exit 1
        fi
        echo "== installing python$version-venv"
        apt-get -qq update
        apt-get -qq install --no-install-recommends "python$version-venv" >/dev/null
    fi
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

echo "== installing the project into $venv (PyTorch is large: minutes on a slow line)"
"$venv/bin/pip" install --quiet --disable-pip-version-check --editable '.[test]'
