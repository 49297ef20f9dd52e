#!/usr/bin/env bash
# unpack.sh DIR PACKAGE.. : downloads Debian packages and what they need beyond what is installed, and
# unpacks them below DIR. Nothing is installed, so no service starts.
set -euo pipefail
dir=$1
shift
[ -e "$dir/.complete" ] && exit
debs=$dir.debs
mkdir -p "$dir" "$debs/partial"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
fetch() {
    as_root apt-get install -y -qq --no-install-recommends --reinstall --download-only \
        -o Debug::NoLocking=1 -o Dir::Cache::archives="$debs" "$@"
}
fetch "$@" || { as_root apt-get update -qq && fetch "$@"; }
for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$dir"; done
touch "$dir/.complete"
