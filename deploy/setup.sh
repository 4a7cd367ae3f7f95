#!/usr/bin/env bash
# Installs what the project needs on this machine: missing system packages (Debian and Ubuntu; elsewhere it says which),
# .venv, the pinned dependencies, the libraries of the sandbox's pdf-service, which needs Node, Prometheus, whose rules
# are tested, and Chromium for the synthetic checkout. A second run finds everything there and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A package_of=(
    [postgres]=postgresql [pgbackrest]=pgbackrest [redis-server]=redis-server [qpdf]=qpdf [python3-venv]=python3-venv
    [age]=age [zstd]=zstd
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

# The sandbox works without its pdf-service, so that nothing here ends the set-up: `orders repair` then has nobody to ask
# for a new file, and the tests that do are skipped.
install_pdf_service() {
    local program=printflow_reliability/sandbox/pdf_service target=.venv/pdf_service wanted log
    wanted=$(cat "$program/package.json" "$program/package-lock.json" | sha256sum)
    [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ] && command -v node >/dev/null && return
    log=$(mktemp)
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        install_node >"$log" 2>&1 || { without_pdf_service "$log" "install Node 18 or newer and npm (sudo apt-get install nodejs npm)"; return; }
    fi
    printf 'setup: installing the libraries of the sandbox'"'"'s pdf-service\n' >&2
    mkdir -p "$target"
    rm -f "$target/installed"
    cp "$program/package.json" "$program/package-lock.json" "$target/"
    # Their scripts would compile what runs without it too.
    if ! (cd "$target" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund) >"$log" 2>&1; then
        without_pdf_service "$log" "make npm reach its registry"
        return
    fi
    rm -f "$log"
    printf '%s' "$wanted" >"$target/installed"
}

install_node() {
    local as_root=()
    command -v apt-get >/dev/null || return
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true || return
        as_root=(sudo)
    fi
    printf 'setup: installing nodejs and npm\n' >&2
    "${as_root[@]}" apt-get update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm
}

without_pdf_service() {
    printf 'setup: the sandbox goes without its pdf-service. To have it: %s, then run this again. Log: %s\n' "$2" "$1" >&2
}

# Only the tests of deploy/prometheus need it, so that nothing here ends the set-up: they are skipped without it.
install_prometheus() {
    local as_root=() log
    command -v prometheus >/dev/null && command -v promtool >/dev/null && return
    log=$(mktemp)
    if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
        without_prometheus "install it as somebody who may (sudo apt-get install prometheus)" "$log"
        return
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    printf 'setup: installing prometheus\n' >&2
    # The package would start a server that nobody asked for.
    [ ! -d /run/systemd/system ] || "${as_root[@]}" systemctl mask prometheus.service >"$log" 2>&1 || true
    if ! { "${as_root[@]}" apt-get update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends prometheus; } >>"$log" 2>&1; then
        without_prometheus "make apt-get reach its mirrors" "$log"
        return
    fi
    rm -f "$log"
}

without_prometheus() {
    printf 'setup: the tests of deploy/prometheus are skipped. To run them: %s, then run this again. Log: %s\n' "$1" "$2" >&2
}

# Only the synthetic checkout and its tests need it, so that nothing here ends the set-up. Some 420 MB on disk.
install_chromium() {
    local as_root=() log
    command -v chromium >/dev/null || command -v google-chrome >/dev/null && return
    log=$(mktemp)
    if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
        without_chromium "install it as somebody who may (sudo apt-get install --no-install-recommends chromium)" "$log"
        return
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    printf 'setup: installing chromium\n' >&2
    if ! { "${as_root[@]}" apt-get update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
        without_chromium "make apt-get reach its mirrors, and leave 420 MB free" "$log"
        return
    fi
    rm -f "$log"
}

without_chromium() {
    printf 'setup: printflow checkout has no browser, and its tests are skipped. To have it: %s, then run this again. Log: %s\n' "$1" "$2" >&2
}

install_system_packages
install_python_packages
install_pdf_service
install_prometheus
install_chromium
