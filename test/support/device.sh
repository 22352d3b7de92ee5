# Process 1 of a device of the tests, in namespaces of its own: says its process id as the host counts it, then keeps an sshd running as an
# init would. $NAME, $ADDRESS, $DIR (its folder), $DISK (size of a disk of its own, or nothing), $HIDDEN (programs it does not have).
set -eu
read -r pid _ < /proc/self/stat
echo "$pid"
mount --make-rprivate /
mount -t proc proc /proc
hostname "$NAME"
mount -t tmpfs -o size=1m,mode=700 home /root # what this machine does at a login is not the device's affair
mount --bind "$DIR/boot_id" /proc/sys/kernel/random/boot_id
[ -z "$DISK" ] || mount -t tmpfs -o "size=$DISK" disk "$DIR/work"
for program in $HIDDEN; do mount --bind /dev/null "$program"; done
until [ -e /proc/sys/net/ipv4/conf/eth0 ]; do sleep 0.02; done
ip link set lo up
ip addr add "$ADDRESS/16" dev eth0
ip link set eth0 up
while :; do
    /usr/sbin/sshd -D -e -f "$DIR/sshd_config" || :
    sleep 1
done
