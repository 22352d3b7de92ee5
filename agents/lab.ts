import type { Host } from '../src/core/host.ts';

/**
 * A host whose sensors are played: /sys, the machine's own files in /proc, and the programs that read sensors are those below `root`
 * (`root`/bin) and no others, so nothing real shows through. Processes and their files stay the host's own. What is measured so is flagged.
 */
export function labHost(host: Host, root: string): Host {
  const path = (real: string) => (/^\/(sys|proc)\//.test(real) && !/^\/proc\/(\d+|self)\//.test(real) ? `${root}${real}` : real);
  const argv = ([program = '', ...rest]: readonly string[]) => [`${root}/bin/${program.slice(program.lastIndexOf('/') + 1)}`, ...rest];
  return {
    readFile: (file) => host.readFile(path(file)),
    list: (folder) => host.list(path(folder)),
    exec: (command, options) => host.exec(argv(command), options),
    spawn: (command, options) => host.spawn(argv(command), options),
  };
}
