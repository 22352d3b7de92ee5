import { BORN } from '../src/core/alive.ts';
import type { Host, HostProcess } from '../src/core/host.ts';
import { lastLine } from '../src/core/last_words.ts';

/**
 * Keeps the lock in the folder $1 for the run $2 from one line of output to the end of its stdin.
 *
 * The folder holds symbolic links named 1, 2, 3 ...; the highest one is the state: it points to `free`, or to
 * `pid:start time:boot:run` of a keeper. Taking a lock that is free, or whose keeper is no more, is making the next link, which succeeds
 * for one of many; giving it back is making the link after it. So a late taker can never take away what another has just taken.
 */
const KEEPER = `${BORN}
trap '' INT HUP TERM
dir=$1 run=$2
top() { ls "$dir" | sort -n | tail -n 1; }
mkdir -p "$dir" || exit 4
tries=0
while tries=$((tries + 1)); [ $tries -le 100 ]; do
  last=$(top); last=\${last:-0}
  holder=free
  if [ "$last" -gt 0 ]; then holder=$(readlink "$dir/$last") || continue; fi
  if [ "$holder" != free ]; then
    IFS=: read -r pid start at other <<EOF
$holder
EOF
    if [ "$at" = "$boot" ] && [ "$start" = "$(born "$pid")" ]; then echo "busy $pid $other"; exit 3; fi
  fi
  mine=$((last + 1))
  if ln -s "$$:$(born $$):$boot:$run" "$dir/$mine" 2>/dev/null; then
    [ "$(top)" = "$mine" ] && break
    rm -f "$dir/$mine"
  fi
done
[ $tries -le 100 ] || exit 4
for old in $(ls "$dir"); do [ "$old" -ge "$mine" ] || rm -f "$dir/$old"; done
echo held
cat > /dev/null
ln -s free "$dir/$((mine + 1))" && rm -f "$dir/$mine"
`;

/** The device is held by another run. */
export class Busy extends Error {
  override name = 'Busy';
  readonly run: string;

  constructor(run: string, pid: string) {
    super(`the device is busy with run ${run} (process ${pid}); wait for it, or stop it`);
    this.run = run;
  }
}

/** The right to use a device, held by a small shell there whose end, however it comes, gives it back. */
export class Lock {
  readonly #keeper: HostProcess;

  private constructor(keeper: HostProcess) {
    this.#keeper = keeper;
  }

  /** Takes `<workdir>/lock` for a run. Throws Busy where another holds it. */
  static async take(host: Host, workdir: string, run: string): Promise<Lock> {
    const folder = `${workdir}/lock`;
    const keeper = await host.spawn(['sh', '-c', KEEPER, 'keeper', folder, run]);
    const first = await keeper.lines[Symbol.asyncIterator]().next();
    if (!first.done && first.value === 'held') return new Lock(keeper);
    keeper.end();
    const [, pid = '?', other = '?'] = first.done ? [] : first.value.split(' ');
    if (!first.done && first.value.startsWith('busy ')) throw new Busy(other, pid);
    const { stderr } = await keeper.exited;
    throw new Error(`the lock ${folder} could not be taken: ${lastLine(stderr) || 'the folder cannot be written'}`);
  }

  async free(): Promise<void> {
    this.#keeper.end();
    await this.#keeper.exited;
  }
}
