#!/bin/sh
# arm64-root.sh FOLDER: a small Debian for arm64, with sshd and Node, in FOLDER. Packages are unpacked and nothing of them is run, so that no
# emulator is needed, and apt keeps a state of its own beside it, so that this machine's packages are not touched. Needs apt, not root.
set -eu
root=$(realpath -m "$1")
[ ! -e "$root" ] || exit 0
state=$root.apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
: > "$state/status"
get() {
    apt-get -qq -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= -o APT::Install-Recommends=0 \
        -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o Debug::NoLocking=1 "$@"
}
get update
get install --download-only base-files base-passwd dash bash coreutils sed grep mawk findutils procps util-linux libc-bin openssh-server nodejs > /dev/null
new=$root.new
rm -rf "$new"
mkdir -p "$new"
for package in "$state"/cache/archives/*.deb; do dpkg-deb -x "$package" "$new"; done
cp "$new/usr/share/base-passwd/passwd.master" "$new/etc/passwd"
cp "$new/usr/share/base-passwd/group.master" "$new/etc/group"
echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >> "$new/etc/passwd"
sed -i 's/^root:[^:]*:/root:x:/' "$new/etc/passwd"
printf 'root:*:19000::::::\nsshd:!:19000::::::\n' > "$new/etc/shadow"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n' > "$new/etc/nsswitch.conf"
[ -e "$new/bin/sh" ] || ln -s dash "$new/bin/sh"
ln -sf mawk "$new/usr/bin/awk"
mkdir -p "$new/proc" "$new/sys" "$new/dev" "$new/run" "$new/tmp" "$new/root"
rm -rf "$state"
mv "$new" "$root"
