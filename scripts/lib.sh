# shellcheck shell=bash
# Sourced by the bash scripts: one-line messages, clean-up that also runs on Ctrl-C, what is
# missing installed with progress, a testbed for the life of the script.
#
#     . "$(dirname "$0")/lib.sh"
#     need_root
#     need_commands curl=curl nginx=nginx-light
#     testbed_up          # sets TB; taken down at the end, however the end comes
#     on_exit 'rm -f "$tmp"'

set -u
prog=${0##*/}
scripts_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # for those who source this
source_dir=$(cd "$scripts_dir/.." && pwd)

die() {
    echo "$prog: $*" >&2
    exit 1
}

say() {
    echo "$prog: $*"
}

# --- clean-up: last registered, first run; once, whatever ends the script
#
# Two things keep Ctrl-C from being seen at once: a foreground program in a process group of its
# own (use timeout --foreground), and bash 5.2 itself in a command with two $( ) of some length.

_on_exit=()

on_exit() {
    _on_exit+=("$1")
}

_run_on_exit() {
    local rc=$? i
    trap - EXIT
    trap '' INT TERM HUP
    for ((i = ${#_on_exit[@]} - 1; i >= 0; i--)); do
        eval "${_on_exit[i]}" || true
    done
    exit "$rc"
}

trap _run_on_exit EXIT
trap 'echo >&2; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# --- time

# seconds_since $EPOCHREALTIME-of-then
seconds_since() {
    awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

# with_dots TEXT COMMAND...: shows TEXT, a dot for each second, and the time; the command's status
with_dots() {
    local text=$1 start=$EPOCHREALTIME rc=0 ticker
    shift
    printf '%s ' "$text"
    while sleep 1 >/dev/null; do printf .; done &
    ticker=$!
    on_exit "kill $ticker 2>/dev/null"
    "$@" || rc=$?
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null
    if [ $rc -eq 0 ]; then echo " $(seconds_since "$start") s"; else echo " failed"; fi
    return $rc
}

# --- what the script needs

need_root() {
    [ "$(id -u)" -eq 0 ] || die "needs root (network namespaces): sudo $0"
}

# _apt LOG ARGS...: apt-get that shows how far it is, one dot a package
_apt() {
    local log=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -o APT::Color=0 "$@" 2>&1 |
        tee -a "$log" | awk '/^(Setting up|Get:|Hit:)/ { printf "."; fflush() }'
    return "${PIPESTATUS[0]}"
}

# need_packages PACKAGE...: installs those that are missing. Services that come with them are not
# started.
need_packages() {
    local missing=() p log policy=/usr/sbin/policy-rc.d made_policy="" start rc=0
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q ' installed$' || missing+=("$p")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "needs the Debian packages ${missing[*]}, and there is no apt-get here"
    [ "$(id -u)" -eq 0 ] ||
        die "missing packages; run as root: apt-get install --no-install-recommends ${missing[*]}"
    start=$EPOCHREALTIME
    log=$(mktemp) || die "no temporary file"
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && made_policy=yes
        on_exit "[ ! -e '$log' ] || rm -f '$policy' '$log'"
    fi
    printf '%s: installing %s ' "$prog" "${missing[*]}"
    if ! _apt "$log" install -y --no-install-recommends "${missing[@]}"; then
        # Stale or no package lists.
        { _apt "$log" update && _apt "$log" install -y --no-install-recommends "${missing[@]}"; } ||
            rc=1
    fi
    [ -z "$made_policy" ] || rm -f "$policy"
    if [ $rc -ne 0 ]; then
        echo " failed"
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "apt-get could not install ${missing[*]}"
    fi
    rm -f "$log"
    echo " ($(seconds_since "$start") s)"
}

# need_commands COMMAND=PACKAGE...: installs the packages of the commands that are not there
need_commands() {
    local pair packages=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
    done
    [ ${#packages[@]} -eq 0 ] || need_packages "${packages[@]}"
}

# What it takes to build userstack and run make check.
# shellcheck disable=SC2034
build_packages="gcc make libc6-dev autoconf automake libtool pkg-config check libpcap-dev
    libc-ares-dev python3 binutils"

# build_in DIR [CONFIGURE-ARGS...]: configures (once) and builds there; output to DIR/build.log,
# whose end is shown on failure
build_in() {
    with_dots "$prog: building in $1" _build_in "$@" || {
        tail -n 20 "$1/build.log" >&2
        die "userstack does not build"
    }
}

_build_in() {
    local dir=$1
    shift
    mkdir -p "$dir" || return
    (
        if [ ! -x "$source_dir/configure" ] ||
            [ "$source_dir/configure.ac" -nt "$source_dir/configure" ]; then
            (cd "$source_dir" && autoreconf -fi) || exit
        fi
        cd "$dir" || exit
        [ -f Makefile ] || "$source_dir/configure" "$@" || exit
        make -j"$(nproc)"
    ) > "$dir/build.log" 2>&1
}

# --- the testbed

# testbed_up [OPTIONS of testbed up]: sets TB
testbed_up() {
    TB=$("$scripts_dir/testbed" up --owner $$ "$@") || exit 1
    on_exit "testbed_down $TB"
}

# testbed_down NAME: before the end of the script; no harm if it is down already
testbed_down() {
    [ ! -e "/run/userstack-testbed/$1" ] || "$scripts_dir/testbed" down "$1"
}

# in_stack CMD..., in_host CMD...: in the namespace of the stack's end or the kernel's
in_stack() {
    "$scripts_dir/testbed" exec "$TB" stack -- "$@"
}

in_host() {
    "$scripts_dir/testbed" exec "$TB" host -- "$@"
}

# wait_for SECONDS CMD...: until the command succeeds
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}
