/**
 * One argument quoted for a POSIX shell: it arrives as it is, whatever it holds (spaces, quotes, newlines, a leading dash, nothing at all).
 * Throws where it holds a NUL, which no argument can carry.
 */
export function quote(argument: string): string {
  if (argument.includes('\0')) throw new TypeError('an argument cannot hold a NUL character');
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** A command line of quoted arguments; environment variables are passed by env(1), which every device has. */
export function commandLine(argv: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const variables = Object.entries(env).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new TypeError(`"${name}" is not a name of an environment variable`);
    return `${name}=${value}`;
  });
  return (variables.length ? ['env', ...variables, ...argv] : [...argv]).map(quote).join(' ');
}
