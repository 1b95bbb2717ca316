#!/usr/bin/env bash
# install-venv.sh PYTHON PLACE: Debian ships Python without what makes virtual environments. Installs
# that (as root, else it is named) and makes one.
set -euo pipefail
python=$1 place=$2

package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
if ! command -v apt-get >/dev/null; then
    echo "Cannot make a virtual environment with $python: install its venv and ensurepip." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Cannot make a virtual environment with $python: run as root: apt-get install $package" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet --quiet
apt-get install --yes --quiet --quiet --no-install-recommends "$package"
"$python" -m venv --clear "$place"
