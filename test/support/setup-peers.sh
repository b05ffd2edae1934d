#!/bin/sh
# Installs the Debian programs that the tests talk to, where that is possible,
# and makes the test clips once. Ends with 0 in any case: what is missing is
# named by the tests that need it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
programs="ffmpeg chromium openssh-client:ssh sshpass rtmpdump nginx gstreamer1.0-tools:gst-launch-1.0 vlc-bin:cvlc
    kamailio sip-tester:sipp baresip-core:baresip"
# What those programs load; nothing of them is on the PATH.
parts="libnginx-mod-rtmp gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    gstreamer1.0-libav gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi vlc-plugin-base kamailio-extra-modules
    kamailio-presence-modules kamailio-tls-modules kamailio-websocket-modules baresip-ffmpeg libbcg729-0"

missing=""
for entry in $programs; do
    command -v "${entry#*:}" >/dev/null 2>&1 || missing="$missing ${entry%%:*}"
done
for package in $parts; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
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
