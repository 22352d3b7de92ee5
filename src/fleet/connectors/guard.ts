import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * Reads "+pid" and "-pid" lines. Its stdin ends when the controller does, however it ends (kill -9 included): then the process groups
 * still listed get 1 s to notice their own closed stdin, are terminated, and 2 s later killed.
 */
const SCRIPT = `
alive=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) alive="$alive$pid " ;;
    -*) case $alive in *" $pid "*) alive="\${alive%%" $pid "*} \${alive#*" $pid "}" ;; esac ;;
  esac
done
[ "$alive" = ' ' ] && exit 0
sleep 1; for pid in $alive; do kill -s TERM -- "-$pid" 2>/dev/null; done
sleep 2; for pid in $alive; do kill -s KILL -- "-$pid" 2>/dev/null; done
`;

let pipe: Writable | null = null;

function guard(): Writable {
  if (pipe?.writable) return pipe;
  // Detached: Ctrl-C in the terminal must reach the controller, not its guard.
  const child = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => {});
  child.unref();
  child.stdin.on('error', () => {});
  (child.stdin as unknown as { unref(): void }).unref();
  pipe = child.stdin;
  return pipe;
}

/** No orphans: the process group `pid` will not outlive this process. */
export function protect(pid: number): void {
  guard().write(`+${pid}\n`);
}

/** The process group has ended, or may live on. */
export function release(pid: number): void {
  guard().write(`-${pid}\n`);
}
