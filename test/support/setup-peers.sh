#!/bin/sh
# Installs the Debian programs that the tests talk to, where that is possible,
# and makes the test clips once. Ends with 0 in any case: what is missing is
# named by the tests that need it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
packages="ffmpeg chromium openssh-client sshpass rtmpdump"

missing=""
for package in $packages; do
    case $package in
        openssh-client) program=ssh ;;
        *) program=$package ;;
    esac
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing test peers:$missing"
        # shellcheck disable=SC2086
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; } >/dev/null ||
            echo "Could not install:$missing"
    else
        echo "Test peers that are not installed (apt-get install them for the whole suite):$missing"
    fi
fi
if command -v ffmpeg >/dev/null 2>&1; then
    media="$here/../../.build/media"
    mkdir -p "$media"
    sh "$here/peers/make-media.sh" "$(cd "$media" && pwd)"
fi
exit 0
