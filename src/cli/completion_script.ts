import type { Command } from 'commander';
import { VALUES } from './completion_values.ts';

interface Flag {
  /** "-d", "--device" */
  names: string[];
  about: string;
  /** Kind of `fleet completion values`, "file", "any", or null where it takes no value. */
  value: string | null;
}

interface Node {
  /** "model ls"; "" for fleet itself. */
  path: string;
  words: { name: string; about: string }[];
  flags: Flag[];
  /** What its first argument is: a kind, "file" or null. */
  argument: string | null;
}

/** The script for a shell, made from the command tree. */
export function scriptFor(shell: string, program: Command): string {
  const nodes = walk(program, '', flagsOf(program));
  return { bash, zsh, fish }[shell as 'bash' | 'zsh' | 'fish'](nodes);
}

function walk(command: Command, path: string, globals: Flag[]): Node[] {
  const children = command.commands.map((child) => ({ name: child.name(), about: child.description() }));
  const first = command.registeredArguments[0];
  const node: Node = {
    path,
    words: first && command.name() === 'completion' ? ['bash', 'zsh', 'fish'].map((name) => ({ name, about: '' })) : children,
    flags: path === '' ? globals : [...flagsOf(command), ...globals.filter(({ names }) => !names.includes('--version'))],
    argument: first && first.name() in VALUES ? first.name() : null,
  };
  return [node, ...command.commands.flatMap((child) => walk(child, `${path} ${child.name()}`.trim(), globals))];
}

function flagsOf(command: Command): Flag[] {
  const options = command.options.map((option) => {
    const kind = option.long?.replace(/^--/, '') ?? '';
    const isFile = /file|folder/.test(option.flags);
    const value = option.required || option.optional ? (isFile ? 'file' : kind in VALUES ? kind : 'any') : null;
    return { names: [option.short, option.long].filter((name) => name !== undefined), about: option.description, value };
  });
  return command.parent === null ? [...options, { names: ['-h', '--help'], about: 'print help', value: null }] : options;
}

function bash(nodes: Node[]): string {
  const values = nodes.flatMap(({ path, flags }) =>
    flags.flatMap(({ names, value }) => {
      if (value === null) return [];
      const patterns = names.map((name) => `"${path}:${name}"`).join('|');
      return [
        `    ${patterns}) ${value === 'file' ? 'COMPREPLY=($(compgen -f -- "$cur")); return' : value === 'any' ? 'return' : `_fleet_list "$(_fleet_values ${value})"; return`} ;;`,
      ];
    }),
  );
  const words = nodes.map(({ path, words, flags, argument }) => {
    const known = [...words.map(({ name }) => name), ...flags.flatMap(({ names }) => names.filter((name) => name.startsWith('--')))].join(' ');
    return `    "${path}") _fleet_list "${known}${argument ? ` $(_fleet_values ${argument})` : ''}" ;;`;
  });
  return `# bash completion for fleet: source <(fleet completion bash)
_fleet_values() { "\${COMP_WORDS[0]}" completion values "$1" 2>/dev/null; }
# Names separated by commas: completes the last one.
_fleet_list() {
  local last=\${cur##*,}
  COMPREPLY=($(compgen -P "\${cur%"$last"}" -W "$1" -- "$last"))
}
_fleet() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
    ${nodes
      .filter(({ path }) => path !== '')
      .map(({ path }) => `"${path.includes(' ') ? path : ` ${path}`}"`)
      .join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path:$prev" in
${values.join('\n')}
  esac
  case "$path" in
${words.join('\n')}
  esac
}
complete -o bashdefault -F _fleet fleet ./fleet
`;
}

/** Single-quoted for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** For zsh's _arguments and _describe, which read colons and brackets. */
function zshText(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function zsh(nodes: Node[]): string {
  const specs = ({ flags }: Node): string[] =>
    flags.flatMap(({ names, about, value }) => {
      const action = value === null ? '' : value === 'file' ? ':file:_files' : value === 'any' ? ':value:' : `:${value}:_fleet_values ${value}`;
      return names.map((name) => quoted(`(${names.join(' ')})${name}[${zshText(about)}]${action}`));
    });
  const bodies = nodes.map((node) => {
    const children = node.words.map(({ name, about }) => quoted(`${name}:${zshText(about)}`)).join(' ');
    const position = children ? [`'1: :->words'`] : node.argument ? [`'1:${node.argument}:_fleet_values ${node.argument}'`] : [`'*:file:_files'`];
    const describe = children ? `\n      [[ $state = words ]] && { local -a known=(${children}); _describe command known }` : '';
    return `    ${quoted(node.path)})\n      _arguments ${[...specs(node), ...position].join(' \\\n        ')}${describe} ;;`;
  });
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `#compdef fleet
# zsh completion for fleet: fleet completion zsh > "\${fpath[1]}/_fleet"
# Names separated by commas: completes the last one.
_fleet_values() {
  local -a names=(\${(f)"$(fleet completion values $@[-1] 2>/dev/null)"})
  compset -P '*,'
  compadd -a names
}
_fleet() {
  local place= word state
  local -i at=1 depth=1
  local -a paths=(${paths.join(' ')})
  for (( at = 2; at < CURRENT; at++ )); do
    word="\${place:+$place }\${words[at]}"
    (( \${paths[(Ie)$word]} )) && { place=$word; depth=at }
  done
  (( CURRENT -= depth - 1 ))
  shift $(( depth - 1 )) words
  case $place in
${bodies.join('\n')}
  esac
}
if [ "$funcstack[1]" = _fleet ]; then _fleet "$@"; else compdef _fleet fleet; fi
`;
}

function fish(nodes: Node[]): string {
  const lines = nodes.flatMap(({ path, words, flags, argument }) => {
    const [command = '', sub] = path.split(' ');
    const when =
      path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${command}${sub ? `; and __fish_seen_subcommand_from ${sub}` : ''}`;
    const begin = `complete -c fleet -n ${quoted(when)}`;
    return [
      ...words.map(({ name, about }) => `${begin} -f -a ${name}${about ? ` -d ${quoted(about)}` : ''}`),
      ...flags.map(({ names, about, value }) => {
        const short = names.find((name) => /^-[^-]/.test(name));
        const long = names.find((name) => name.startsWith('--'));
        const takes =
          value === null
            ? ' -f'
            : value === 'file'
              ? ' -r -F'
              : value === 'any'
                ? ' -x'
                : ` -x -a '(__fish_append , (fleet completion values ${value}))'`;
        return `${begin}${short ? ` -s ${short.slice(1)}` : ''}${long ? ` -l ${long.slice(2)}` : ''}${takes} -d ${quoted(about)}`;
      }),
      ...(argument ? [`${begin} -f -a '(fleet completion values ${argument})'`] : []),
    ];
  });
  return `# fish completion for fleet: fleet completion fish > ~/.config/fish/completions/fleet.fish\n${lines.join('\n')}\n`;
}
