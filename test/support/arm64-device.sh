# Process 1 of an emulated arm64 device, beside device.sh: its own Debian ($ROOT, shared by all, changes kept in memory), what its kernel tells
# ($BOARD/cpuinfo, $BOARD/meminfo, $BOARD/sys), and binfmt_misc in a user namespace of its own, which leaves that of this machine as it is.
set -eu
read -r pid _ < /proc/self/stat
echo "$pid"
mount --make-rprivate /
mount -t proc proc /proc
hostname "$NAME"
root=$DIR/root
mkdir -p "$root" "$DIR/changes"
mount -t tmpfs -o size=512m changes "$DIR/changes"
mkdir "$DIR/changes/upper" "$DIR/changes/work"
mount -t overlay -o "lowerdir=$ROOT,upperdir=$DIR/changes/upper,workdir=$DIR/changes/work" root "$root"
mount -t proc proc "$root/proc"
mount --bind "$DIR/boot_id" "$root/proc/sys/kernel/random/boot_id"
mount --bind "$BOARD/cpuinfo" "$root/proc/cpuinfo"
mount --bind "$BOARD/meminfo" "$root/proc/meminfo"
mount --bind "$BOARD/sys" "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
mkdir -p "$root/run/sshd" "$root$DIR"
mount --bind "$DIR" "$root$DIR"
until [ -e /proc/sys/net/ipv4/conf/eth0 ]; do sleep 0.02; done
ip link set lo up
ip addr add "$ADDRESS/16" dev eth0
ip link set eth0 up
sysctl -qw net.ipv4.ip_unprivileged_port_start=0 # the user namespace does not own the network
cat > "$DIR/init.sh" <<END
while :; do
    /usr/sbin/sshd -D -e -f "$DIR/sshd_config" || :
    sleep 1
done
END
(
    while [ "$(readlink /proc/1/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
    echo '0 0 65536' > /proc/1/uid_map
    echo '0 0 65536' > /proc/1/gid_map
    : > "$DIR/mapped"
) &
exec unshare --user --mount sh -c '
    until [ -e "$1/mapped" ]; do sleep 0.01; done
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    printf "%s" ":arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:$2:F" > /proc/sys/fs/binfmt_misc/register
    exec chroot "$1/root" /bin/sh "$1/init.sh"
' sh "$DIR" "$QEMU"
