/**
 * A shell fragment for the device. `born PID` prints the start time of a running process in clock ticks since boot, and nothing where
 * there is none or only its zombie; `$boot` names this boot. A process id alone says little, for ids are used again: id, start time and
 * boot together name one process. Where there is no /proc, `born` prints `-` for a living process.
 */
export const BORN = `born() {
  if [ -r /proc/self/stat ]; then sed -n 's/.*) \\([^ZX]\\)/\\1/p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
  elif kill -0 "$1" 2>/dev/null; then echo -
  fi
}
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo -)
`;
