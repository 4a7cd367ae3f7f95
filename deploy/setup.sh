#!/usr/bin/env bash
# Installs what the project needs on this machine: missing system packages (Debian and Ubuntu; elsewhere it says which),
# .venv, the pinned dependencies. A second run finds everything there and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A package_of=(
    [postgres]=postgresql [pgbackrest]=pgbackrest [redis-server]=redis-server [qpdf]=qpdf [python3-venv]=python3-venv
)

have() {
    case $1 in
        postgres) compgen -G '/usr/lib/postgresql/*/bin/pg_amcheck' >/dev/null || command -v pg_amcheck >/dev/null ;;
        python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 2
}

install_system_packages() {
    local program missing=() as_root=()
    for program in "${!package_of[@]}"; do
        have "$program" || missing+=("${package_of[$program]}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || stop "please install these, by the names your system has for them, then run this again: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || stop "please run this as somebody who may install packages: sudo apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    printf 'setup: installing %s\n' "${missing[*]}" >&2
    local log
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        stop "apt-get could not install ${missing[*]}; the whole log is $log"
    fi
    rm -f "$log"
}

install_python_packages() {
    local wanted stamp=.venv/installed
    wanted=$(cat requirements.txt pyproject.toml | sha256sum)
    [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "Python 3.11 or newer is needed, this is $(python3 --version)"
    printf 'setup: installing the pinned Python packages into .venv (a minute or two)\n' >&2
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt || stop "pip could not install requirements.txt"
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . || stop "pip could not install this project"
    printf '%s' "$wanted" >"$stamp"
}

install_system_packages
install_python_packages
