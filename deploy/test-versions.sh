#!/usr/bin/env bash
# Runs the demo and the tests on other releases of Debian, each in a root of its own that mmdebstrap makes and that is
# removed afterwards: deploy/test-versions.sh SUITE ... Needs root. Takes packages from this machine's own mirrors.
#
# Each root lives in a mount, process and (once packages are installed) network namespace: nothing of this machine is
# mounted in it, and the end of the namespace ends whatever runs in it.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
self=$here/deploy/$(basename "$0")
user=tester

stop() {
    printf 'test-versions: %s\n' "$*" >&2
    exit 2
}

say() {
    printf 'test-versions: %s: %s\n' "$suite" "$*" >&2
}

# --- in the machine: one namespace for each suite, and the removal of what it leaves ---

main() {
    local suite failed=() needed
    [ "$(id -u)" -eq 0 ] || stop "only root can make roots: sudo make test-versions"
    for needed in mmdebstrap git; do
        command -v "$needed" >/dev/null || install_here "$needed"
    done
    [ -z "$(git -C "$here" status --porcelain --untracked-files=no)" ] ||
        stop "there are changes that are not committed, and only what is committed is tested: git stash, or commit"
    for suite in "$@"; do
        in_namespace "$suite" || failed+=("$suite")
    done
    [ ${#failed[@]} -eq 0 ] || stop "failed: ${failed[*]}"
}

install_here() {
    command -v apt-get >/dev/null || stop "$1 is missing, and roots are made from the mirrors of apt: this needs Debian or Ubuntu"
    local log
    log=$(apt-get update 2>&1 && apt-get install -y --no-install-recommends "$1" 2>&1) || {
        printf '%s\n' "$log" | tail -n 20 >&2
        stop "apt-get could not install $1"
    }
}

in_namespace() {
    local suite=$1 status=0 signal
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/printflow-$suite.XXXXXX")
    # Whatever runs in the namespace dies with unshare, its first process.
    unshare --mount --propagation private --pid --fork --kill-child=KILL "$self" --inside "$suite" "$work" &
    namespace=$!
    for signal in INT TERM HUP; do
        trap 'interrupted' "$signal"
    done
    wait "$namespace" || status=$?
    remove
    trap - INT TERM HUP
    return $status
}

interrupted() {
    kill -KILL "$namespace" 2>/dev/null || true
    wait "$namespace" 2>/dev/null || true
    remove
    exit 130
}

# The mounts went with their namespace. Were one visible here, it would not be ours to delete.
remove() {
    if grep -qF " $work/" /proc/self/mountinfo; then
        stop "something is mounted below $work; it was left alone"
    fi
    local tries=20
    # What was killed may take a moment to let go of its files.
    until rm -rf --one-file-system "$work" 2>/dev/null; do
        ((tries--)) || stop "$work cannot be removed"
        sleep 0.5
    done
}

# --- in the namespace: the root, and what runs in it ---

inside() {
    suite=$1 root=$2/root
    trap 'exit 130' INT TERM
    say "making a root (a minute)"
    make_root
    say "installing what the project needs, as root and as a plain user (some minutes)"
    run_as root make -s setup
    run_as "$user" make -s setup
    say "$(versions)"
    # From here on there is no network but loopback.
    unshare --net "$self" --without-network "$suite" "$root"
}

without_network() {
    suite=$1 root=$2
    local status=0
    in_root ip link set lo up
    timed "demo as root" run_as root .venv/bin/printflow demo --no-ui || status=1
    timed "demo as a plain user" run_as "$user" .venv/bin/printflow demo --no-ui || status=1
    timed "tests as a plain user" run_as "$user" make -s test-all ARGS="${ARGS-}" || status=1
    return $status
}

timed() {
    local what=$1 began=$SECONDS word=ok
    shift
    "$@" || word=FAILED
    say "$word: $what, $((SECONDS - began)) s"
    [ "$word" = ok ]
}

make_root() {
    mmdebstrap --quiet --mode=root --variant=apt --skip=check/empty --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=ca-certificates,git,iproute2,make,mount,passwd,python3 "$suite" "$root" "$(mirror)"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"    # packages start no servers here
    chmod 755 "$root/usr/sbin/policy-rc.d"
    printf 'Acquire::Check-Valid-Until "false";\n' >"$root/etc/apt/apt.conf.d/50expired"
    own_settings
    mount_devices
    in_root useradd --create-home --shell /bin/bash "$user"
    git clone --quiet --no-hardlinks "$here" "$root/root/printflow_reliability"
    git clone --quiet --no-hardlinks "$here" "$root/home/$user/printflow_reliability"
    in_root chown -R "$user:" "/home/$user/printflow_reliability"
}

# The mirror of this machine's own apt.
mirror() {
    apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' | awk '$2 == "Debian" { print $1; exit }'
}

# How this machine reaches packages is how the root does: names, certificates, proxies, pip's indexes.
own_settings() {
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
        [ -e "$file" ] && install -D -m 644 "$file" "$root$file"
    done
    { apt-config dump | grep -iE '^Acquire::[a-z:]*(proxy|cainfo)' || true; } >"$root/etc/apt/apt.conf.d/50machine"
}

# Devices of its own: this machine's /dev is never where something is removed.
mount_devices() {
    local node
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    for node in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do
        mknod -m 666 "$root/dev/${node% *}" c 1 "${node#* }"
    done
    mknod -m 666 "$root/dev/tty" c 5 0
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s fd/0 "$root/dev/stdin"
    ln -s fd/1 "$root/dev/stdout"
    ln -s fd/2 "$root/dev/stderr"
}

# Run a command with the root as its file system. Not by chroot: there Linux lets nobody make user namespaces, in which
# clones are confined for plain users.
in_root() {
    unshare --mount --propagation private bash -euc 'mount --rbind "$0" "$0"; cd "$0"; pivot_root . .; umount -l .; exec "$@"' \
        "$root" "$@"
}

# Run a command in the checkout of that user, with a new environment but for proxies and pip's settings. Folders of
# wheels are this machine's and not in the root.
run_as() {
    local who=$1 home=/root passed
    shift
    [ "$who" = root ] || home=/home/$who
    mapfile -t passed < <(env | grep -iE '^(PIP_[A-Z_]*|(https?|no)_proxy|SSL_CERT_FILE)=' | grep -v '^PIP_FIND_LINKS=')
    in_root runuser -u "$who" -- env -i -C "$home/printflow_reliability" "${passed[@]}" PIP_FIND_LINKS= HOME="$home" USER="$who" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@"
}

versions() {
    in_root sh -c 'echo "$(/usr/lib/postgresql/*/bin/postgres --version), $(pgbackrest version), $(python3 --version)"'
}

case ${1-} in
    --inside) shift && inside "$@" ;;
    --without-network) shift && without_network "$@" ;;
    '') stop "which suites of Debian? deploy/test-versions.sh trixie unstable" ;;
    *) main "$@" ;;
esac
