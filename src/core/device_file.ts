import { FleetError, reason } from './errors.ts';
import type { Host } from './host.ts';

/** The first of these that a device has. Status 3: no such file; 4: no tool. */
const SCRIPT = `
[ -f "$1" ] || exit 3
has() { command -v "$1" >/dev/null 2>&1; }
if has sha256sum; then sha256sum < "$1"
elif has shasum; then shasum -a 256 < "$1"
elif has openssl; then openssl dgst -sha256 < "$1"
elif has busybox; then busybox sha256sum < "$1"
elif has node; then node -e 'const h=require("crypto").createHash("sha256");process.stdin.on("data",d=>h.update(d)).on("end",()=>console.log(h.digest("hex")))' < "$1"
else exit 4; fi`;

/** SHA-256 of a file on a device, in hex; null where it does not exist. Throws where the device cannot compute one. */
export async function sha256On(host: Pick<Host, 'exec'>, path: string): Promise<string | null> {
  const { code, stdout, stderr } = await host.exec(['sh', '-c', SCRIPT, 'sh', path]);
  if (code === 3) return null;
  if (code === 4) throw new FleetError('no sha256sum, shasum, openssl, busybox or node on the device to check files with; install one of them there');
  const sum = /\b[0-9a-f]{64}\b/.exec(stdout)?.[0];
  if (code !== 0 || !sum) throw new FleetError(`${path} cannot be checked on the device: ${reason(stderr.trim()) || `status ${code}`}`);
  return sum;
}

/** Bytes of a file on a device; null where it does not exist. */
export async function sizeOn(host: Pick<Host, 'exec'>, path: string): Promise<number | null> {
  const { code, stdout } = await host.exec(['sh', '-c', 'wc -c < "$1"', 'sh', path]);
  return code === 0 ? Number(stdout.trim()) : null;
}
