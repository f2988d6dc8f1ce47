#!/bin/sh
# Installs what some tests use of Debian: the strongest sandbox and its tools.
# Optional for users: a test that lacks its tool is skipped and says so.
set -eu
packages='bubblewrap util-linux python3-minimal uidmap'
missing=''
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "not installed, and not root on Debian:$missing; tests that need them are skipped"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words on purpose
apt-get install -y -qq --no-install-recommends $missing >/dev/null
