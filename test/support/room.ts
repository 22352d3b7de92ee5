import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { noMounts, type Sshd, startSshd } from './sshd.ts';

/** A small system of its own behind a real OpenSSH server: busybox and the files named here, and nothing else of this machine but its kernel. */
export interface Room {
  /** Folder of its programs, which is all of its PATH. */
  bin: string;
  home: string;
  /** Texts by path inside. What begins with #! is a program. Those below /proc lie over the kernel's own. */
  files: Record<string, string>;
  /** Programs of busybox that this system does not have. */
  without?: readonly string[];
  environment?: Record<string, string>;
  /** Its sh and env are this machine's dash and env: busybox's take its own programs before those of the room. */
  dash?: boolean;
}

const BUSYBOX = '/bin/busybox';

/** For `skip`: why there can be no room here, or false. */
export const noRooms: string | false =
  noMounts ||
  (spawnSync(BUSYBOX, ['true']).status === 0 && spawnSync('ldd', [BUSYBOX]).status !== 0
    ? false
    : 'needs a static busybox (Debian: apt install busybox-static)');

export async function startRoom({ bin, home, files, without = [], environment = {}, dash = false }: Room): Promise<Sshd> {
  const [play, over] = [temporaryFolder('room'), temporaryFolder('room-proc')];
  const ofKernel = (path: string): boolean => path.startsWith('/proc/');
  for (const [path, text] of Object.entries(files)) {
    const file = join(ofKernel(path) ? over : play, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }
  // The folder of the tests is open to all, which sshd does not want for a root: so it is made on a disk of its own.
  const mounts = `
root=/mnt
mount -t tmpfs -o mode=755 none $root
mkdir -p $root/dev $root/proc $root${bin} $root${home}
cp ${BUSYBOX} $root${bin}/busybox
chroot $root ${bin}/busybox --install -s ${bin}
for absent in ${without.join(' ')}; do rm -f "$root${bin}/$absent"; done
${dash ? `for lib in $(ldd /bin/dash | grep -o '/[^ ]*'); do mkdir -p "$root$(dirname "$lib")"; cp "$lib" "$root$lib"; done; rm -f $root${bin}/sh $root${bin}/env; cp /bin/dash $root${bin}/sh; cp /usr/bin/env $root${bin}/env` : ''}
for node in null zero urandom; do : > $root/dev/$node; mount --bind /dev/$node $root/dev/$node; done
cp -R --remove-destination ${play}/. $root/ # never through busybox's links, which lead out of the room
mount --bind /proc $root/proc
for path in ${Object.keys(files).filter(ofKernel).join(' ')}; do mount --bind "${over}$path" "$root$path"; done
{ echo "root:x:0:0:root:${home}:${bin}/sh"; grep ^sshd: /etc/passwd; } > "$1/passwd"
mount --bind "$1/passwd" /etc/passwd`;
  const server = await startSshd({
    mounts,
    config: ['ChrootDirectory /mnt'],
    environment: { PATH: bin, HOME: home, ...environment },
  });
  const { device } = server;
  return { ...server, device: (id, more = {}) => device(id, { workdir: `${home}/.cache/fleet`, ...more }) };
}
