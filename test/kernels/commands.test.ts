import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, lstatSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { before, describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { run, trit } from '../support/trit.ts';

const folder = temporaryFolder('commands');
const scratch = (name: string) => path.join(folder, name);
const tiny = scratch('tiny.gguf');

let binary = '';
before(async () => {
  binary = await trit();
  assert.equal(run(binary, ['synth', '--preset', 'tiny', '-o', tiny]).status, 0);
});

/** A refusal: no signal, the exit status, nothing on stdout, one sentence on stderr that begins with the program's name. */
function assertRefused(args: string[], status: number, sentence: RegExp, input: string | Uint8Array = ''): void {
  const done = run(binary, args, input);
  const shown = `trit ${args.join(' ')}: ${done.stderr}`;
  assert.equal(done.signal, null, shown);
  assert.equal(done.status, status, shown);
  assert.ok(done.stdout === '', `${shown} but also on stdout: ${done.stdout.slice(0, 200)}`);
  assert.match(done.stderr, /^trit[^\n]*: [^\n]+\n$/, shown);
  assert.match(done.stderr, sentence, shown);
}

describe('the command line', () => {
  const model = () => ['-m', tiny];

  it('lists its commands, and each has its help', () => {
    const help = run(binary, ['--help']);
    assert.equal(help.status, 0);
    const commands = [...help.stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] as string);
    assert.ok(commands.includes('serve') && commands.length >= 11, help.stdout);
    for (const command of commands) {
      const done = run(binary, [command, '--help']);
      assert.equal(done.status, 0, command);
      assert.match(done.stdout, new RegExp(`^usage: trit ${command}`));
      assertRefused([command, '--no-such-option'], 2, /no-such-option/);
      assertRefused([command, 'surplus'], 2, /surplus/);
    }
    assert.match(run(binary, ['--version']).stdout, /^trit \d+\.\d+\.\d+\n$/);
  });

  it('answers wrong usage with a sentence and exit 2', () => {
    assertRefused(['frobnicate'], 2, /no command "frobnicate"/);
    assert.equal(run(binary, []).status, 2);
    const wrong: [string[], RegExp][] = [
      [['run', '-p', 'x'], /no model given/],
      [['run', ...model()], /no prompt given/],
      [['run', ...model(), '-p', 'x', '--threads', 'abc'], /--threads wants a whole number from 0 to 512, not "abc"/],
      [['run', ...model(), '-p', 'x', '--threads', '99999'], /--threads/],
      [['run', ...model(), '-p', 'x', '--threads', '-1'], /--threads/],
      [['run', ...model(), '-p', 'x', '--threads', '1.5'], /--threads/],
      [['run', ...model(), '-p', 'x', '--threads', '99999999999999999999'], /--threads/],
      [['run', ...model(), '-p', 'x', '--threads', ''], /--threads/],
      [['run', ...model(), '-p', 'x', '--top-p', 'nan'], /--top-p/],
      [['run', ...model(), '-p', 'x', '--temperature', 'inf'], /--temperature/],
      [['run', ...model(), '-p'], /-p wants an argument/],
      [['run', ...model(), '-p', 'x', '--seed'], /--seed wants an argument/],
      [['run', ...model(), '-p', 'x', '-Z'], /-Z/],
      [['run', ...model(), '-p', 'x', '--chat=yes'], /chat/],
      [['run', ...model(), '-p', 'x', '--system', 'y'], /--chat/],
      [['run', ...model(), '-p', 'x', '--isa', 'quantum'], /ISA "quantum"/],
      [['logits', ...model()], /no tokens given/],
      [['logits', ...model(), '--tokens', ''], /--tokens/],
      [['logits', ...model(), '--tokens', '1,,2'], /number 2/],
      [['logits', ...model(), '--tokens', '1,2,'], /number 3/],
      [['logits', ...model(), '--tokens', '1,-2'], /number 2/],
      [['logits', ...model(), '--tokens', '1;2'], /--tokens/],
      [['bench', ...model(), '-o', 'xml'], /--output/],
      [['bench', ...model(), '-p', '1,x'], /--n-prompt/],
      [['bench', ...model(), '-t', '0'], /--threads/],
      [['run', ...model(), '-p', 'x', '--kv', 'q3'], /--kv wants f16, q8_0 or q4_0, not "q3"/],
      [['run', ...model(), '-p', 'x', '--prompt-cache-ro'], /--prompt-cache FILE/],
      [['serve', ...model(), '--prompt-cache-check'], /--prompt-cache FILE/],
      [['bench', ...model(), '-r', '0'], /--repetitions/],
      [['perplexity', ...model()], /no text given/],
      [['perplexity', ...model(), '-f', tiny, '--max-tokens', '1'], /--max-tokens/],
      [['serve'], /no model given/],
    ];
    for (const [args, sentence] of wrong) assertRefused(args, 2, sentence);
  });

  it('answers what cannot be done with a sentence and exit 1', () => {
    writeFileSync(scratch('latin1.txt'), Buffer.from([0x41, 0xe9, 0x42]));
    writeFileSync(scratch('empty.txt'), '');
    const failing: [string[], RegExp][] = [
      [['run', '-m', scratch('absent.gguf'), '-p', 'x'], /absent\.gguf/],
      [['run', '-m', folder, '-p', 'x'], /./],
      [['run', ...model(), '-p', 'x', '-c', '100000'], /at most 1024/],
      [['run', ...model(), '-p', 'x '.repeat(3000)], /context/],
      [['run', ...model(), '-p', 'x', '--cpus', '0-'], /./],
      [['run', ...model(), '-p', 'x', '--cpus', '4000'], /./],
      [['logits', ...model(), '--tokens', '1,1024'], /token 1024 is outside the vocabulary of 1024/],
      [['logits', ...model(), '--tokens', '1,2147483647', '--batch'], /outside the vocabulary/],
      [['logits', ...model(), '--tokens', Array(1025).fill(1).join(','), '--batch'], /context/],
      [['perplexity', ...model(), '-f', scratch('absent.txt')], /absent\.txt/],
      [['perplexity', ...model(), '-f', scratch('latin1.txt')], /latin1\.txt/],
      [['perplexity', ...model(), '-f', scratch('empty.txt')], /nothing to predict/],
      [['serve', '-m', scratch('absent.gguf')], /absent\.gguf/],
      [['serve', ...model(), '-c', '5000'], /at most 1024/],
    ];
    for (const [args, sentence] of failing) assertRefused(args, 1, sentence);
    assertRefused(['run', ...model(), '-p', '-'], 1, /./, Buffer.from([0xff, 0xfe]));
  });

  it('says so when the output cannot be written', (t) => {
    if (process.platform !== 'linux') return t.skip('needs /dev/full');
    const done = spawnSync('sh', ['-c', `exec "$0" logits -m "$1" --tokens 1 >/dev/full`, binary, tiny], { encoding: 'utf8' });
    assert.equal(done.status, 1);
    assert.match(done.stderr, /could not write the output/);
  });

  it('ends quietly when its reader goes away', () => {
    const done = spawnSync('sh', ['-c', `"$0" logits -m "$1" --tokens ${Array(50).fill(1).join(',')} | head -c 10`, binary, tiny], {
      encoding: 'utf8',
    });
    assert.equal(done.stderr, '');
    assert.equal(done.stdout.length, 10);
  });

  it('refuses with a sentence where memory is short', (t) => {
    let refused = 0;
    for (const kilobytes of [5_000, 8_000, 20_000, 60_000, 100_000, 200_000, 1_000_000]) {
      const limited = `ulimit -v ${kilobytes} || exit 77; exec "$0" run -m "$1" -p Hello -n 2 -t 2`;
      const done = spawnSync('sh', ['-c', limited, binary, tiny], { encoding: 'utf8' });
      if (done.status === 77) return t.skip('this shell cannot limit memory');
      if (done.status === 127) continue; // not even the C library fits
      assert.equal(done.signal, null, `${kilobytes} kB`);
      if (done.status === 0) continue;
      assert.equal(done.status, 1);
      assert.match(done.stderr, /^trit run: [^\n]*(memory|threads)[^\n]*\n$/i);
      refused++;
    }
    assert.ok(refused >= 3, `only ${refused} of the limits were too narrow`);
  });
});

describe('files that are no models', () => {
  const cut = (length: number, name = 'cut.gguf') => {
    writeFileSync(scratch(name), readFileSync(tiny));
    truncateSync(scratch(name), length);
    return scratch(name);
  };

  it('a file cut anywhere is refused', () => {
    const size = readFileSync(tiny).length;
    for (const length of [0, 3, 4, 20, 24, 100, 1000, 10_000, size >> 1, size - 1]) {
      for (const command of [['logits', '--tokens', '1'], ['run', '-p', 'x'], ['serve']]) {
        assertRefused([...command, '-m', cut(length)], 1, /./);
      }
    }
  });

  it('a file with any header byte changed is refused or works, and never crashes', () => {
    const good = readFileSync(tiny);
    const names = good.indexOf('token_embd.weight');
    assert.ok(names > 0);
    const places = [...Array(140).keys()].map((i) => (i < 70 ? i * 9 : names - 700 + i * 20));
    for (const place of places) {
      for (const value of [0, 0xff, (good[place] as number) ^ 1]) {
        const bytes = Buffer.from(good);
        bytes[place] = value;
        writeFileSync(scratch('edited.gguf'), bytes);
        const done = run(binary, ['logits', '-m', scratch('edited.gguf'), '--tokens', '1,2', '-t', '1']);
        assert.equal(done.signal, null, `byte ${place} = ${value}`);
        if (done.status === 0) continue;
        assert.equal(done.status, 1, done.stderr);
        assert.match(done.stderr, /^trit[^\n]*: [^\n]+\n$/);
      }
    }
  });

  it('keys that disagree with the tensors are named', () => {
    const edits: [string, number, RegExp][] = [
      ['embedding_length', 512, /tensor .*weight is|no multiple/],
      ['feed_forward_length', 256, /ffn_gate|ffn/],
      ['block_count', 5, /blk\.4\.attn_norm\.weight is missing/],
      ['block_count', 3, /blk\.3\..* has no place/],
      ['attention.head_count', 3, /head/],
      ['attention.head_count_kv', 4, /attn_k\.weight/],
      ['rope.dimension_count', 63, /rope\.dimension_count/],
      ['block_count', 0, /block_count is 0/],
    ];
    for (const [key, value, sentence] of edits) {
      const bytes = Buffer.from(readFileSync(tiny));
      const at = bytes.indexOf(`bitnet-b1.58.${key}`) + `bitnet-b1.58.${key}`.length;
      assert.ok(bytes.readUInt32LE(at) === 4, `${key} is a u32`);
      bytes.writeUInt32LE(value, at + 4);
      writeFileSync(scratch('edited.gguf'), bytes);
      assertRefused(['logits', '-m', scratch('edited.gguf'), '--tokens', '1'], 1, sentence);
    }
  });
});

describe("files that are somebody else's", () => {
  const copy = (name: string) => {
    copyFileSync(tiny, scratch(name));
    return scratch(name);
  };

  it('what is read is never written over', () => {
    const [model, text] = [copy('model.gguf'), scratch('words.txt')];
    writeFileSync(text, 'Hello there, said the fox.');
    assertRefused(['quantize', '-i', model, '-o', model, '--type', 'f16'], 2, /model\.gguf is a file that is read/);
    for (const out of [model, text]) assertRefused(['perplexity', '-m', model, '-f', text, '--save-logits', out], 2, /is a file that is read/);
    for (const file of [model, text]) {
      const done = run(binary, ['run', '-m', model, '-p', 'Hello', '-n', '2', '--prompt-cache', file]);
      assert.equal(done.status, 0, done.stderr);
      assert.match(done.stderr, /is no prompt cache that could be replaced, so it stays as it is/);
    }
    assert.ok(readFileSync(model).equals(readFileSync(tiny)));
    assert.equal(readFileSync(text, 'utf8'), 'Hello there, said the fox.');
  });

  it('folders, pipes and devices are not replaced by a model', () => {
    const pipe = scratch('pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    for (const out of [folder, pipe]) {
      assertRefused(['synth', '--preset', 'tiny', '-o', out], 1, /is no regular file; name another one to write/);
      assertRefused(['quantize', '-i', tiny, '-o', out, '--type', 'f16'], 1, /is no regular file; name another one to write/);
    }
    assert.ok(lstatSync(pipe).isFIFO());
  });

  it('stored logits take the place of older ones only when they are whole, and are refused where they are no numbers', () => {
    const [text, empty, logits] = [scratch('words.txt'), scratch('nothing.txt'), scratch('stored.logits')];
    writeFileSync(text, 'Hello there, said the fox.');
    writeFileSync(empty, '');
    writeFileSync(logits, 'older');
    assertRefused(['perplexity', '-m', tiny, '-f', empty, '--save-logits', logits], 1, /nothing to predict/);
    assert.equal(readFileSync(logits, 'utf8'), 'older');
    assert.ok(!readdirSync(folder).includes('stored.logits.part'));
    assert.equal(run(binary, ['perplexity', '-m', tiny, '-f', text, '--save-logits', logits]).status, 0);
    assert.equal(run(binary, ['perplexity', '-m', tiny, '-f', text, '--against', logits]).status, 0);
    const bytes = readFileSync(logits);
    bytes.writeFloatLE(Number.NaN, 16 + 4 + 40);
    writeFileSync(logits, bytes);
    assertRefused(['perplexity', '-m', tiny, '-f', text, '--against', logits], 1, /stored\.logits is damaged, .* holds logits that are no numbers/);
  });
});

describe('run', () => {
  const generate = (...args: string[]) => run(binary, ['run', '-m', tiny, '-p', 'Hello there', '-n', '24', '--ignore-eos', ...args]);

  it('gives the same text for the same seed, another for another', () => {
    const sampling = ['--temperature', '1', '--top-k', '50', '--top-p', '0.95'];
    const first = generate(...sampling, '--seed', '7');
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /generated: 24 tokens/);
    assert.equal(generate(...sampling, '--seed', '7', '-t', '1').stdout, first.stdout);
    assert.notEqual(generate(...sampling, '--seed', '8').stdout, first.stdout);
  });

  it('temperature 0, top-k 1 and a tiny top-p all take the likeliest token', () => {
    const greedy = generate().stdout;
    assert.equal(generate('--temperature', '2', '--top-k', '1').stdout, greedy);
    assert.equal(generate('--temperature', '1', '--top-p', '0.000001').stdout, greedy);
  });

  it('reads the prompt from standard input', () => {
    const piped = run(binary, ['run', '-m', tiny, '-p', '-', '-n', '24', '--ignore-eos'], 'Hello there');
    assert.equal(piped.stdout, generate().stdout);
  });

  it('keeps a prompt in a file: the same text from it, at a fork, and in spite of damage', () => {
    const file = scratch('prompt.kv');
    const prompt = 'Hello there, said the fox. '.repeat(6);
    const from = (text: string, ...args: string[]) => {
      const done = run(binary, ['run', '-m', tiny, '-p', text, '-n', '24', '--ignore-eos', ...args]);
      assert.equal(done.status, 0, done.stderr);
      return done;
    };
    const cached = ['--prompt-cache', file];
    const want = from(prompt).stdout;
    assert.equal(from(prompt, ...cached).stdout, want);
    const kept = readFileSync(file);
    const again = from(prompt, ...cached, '--prompt-cache-check');
    assert.equal(again.stdout, want);
    assert.match(again.stderr, /of them from the prompt cache/);
    const fork = `${prompt.slice(0, -20)}another end`;
    const other = from(fork, ...cached, '--prompt-cache-ro');
    assert.equal(other.stdout, from(fork).stdout);
    assert.match(other.stderr, /of them from the prompt cache/);
    assert.ok(readFileSync(file).equals(kept), 'a cache only read was changed');
    const refused = from(prompt, ...cached, '--prompt-cache-ro', '--kv', 'q8_0');
    assert.match(refused.stderr, /prompt\.kv does not hold keys and values as q8_0.*the prompt is evaluated/);
    truncateSync(file, kept.length - 1);
    const mended = from(prompt, ...cached);
    assert.equal(mended.stdout, want);
    assert.match(mended.stderr, /prompt\.kv is damaged.*the prompt is evaluated/);
    assert.ok(readFileSync(file).equals(kept) || from(prompt, ...cached).stderr.includes('of them from'), 'the file was not mended');
  });

  it('Ctrl-C ends it in good order', async () => {
    const child = spawn(binary, ['run', '-m', tiny, '-p', 'x', '-n', '0', '--ignore-eos', '-c', '1024', '-t', '1']);
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const [code, signal] = await once(child, 'close');
    assert.deepEqual([code, signal], [stderr.includes('generated') && code === 0 ? 0 : 130, null], stderr);
    assert.match(stderr, /generated: \d+ tokens/);
  });
});

describe('bench', () => {
  it("prints llama-bench's keys, a row a test and thread count, with equal results at every thread count", () => {
    const done = run(binary, ['bench', '-m', tiny, '-p', '16', '-n', '4', '-t', '1,2', '-r', '2', '-o', 'json']);
    assert.equal(done.status, 0, done.stderr);
    const rows = JSON.parse(done.stdout) as Record<string, unknown>[];
    assert.deepEqual(
      rows.map((row) => [row.n_prompt, row.n_gen, row.n_threads]),
      [
        [16, 0, 1],
        [0, 4, 1],
        [16, 0, 2],
        [0, 4, 2],
      ],
    );
    for (const row of rows) {
      for (const key of ['build_commit', 'cpu_info', 'model_filename', 'model_type', 'model_size', 'model_n_params', 'n_batch', 'test_time', 'isa']) {
        assert.ok(key in row, key);
      }
      const ns = row.samples_ns as number[];
      const ts = row.samples_ts as number[];
      assert.equal(ns.length, 2);
      const tokens = (row.n_prompt as number) + (row.n_gen as number);
      assert.ok(Math.abs((row.avg_ns as number) - (ns[0] as number) / 2 - (ns[1] as number) / 2) <= 1);
      for (const [i, rate] of ts.entries()) assert.ok(Math.abs(rate / ((tokens * 1e9) / (ns[i] as number)) - 1) < 1e-6);
    }
    assert.equal(rows[0]?.output_hash, rows[2]?.output_hash);
    assert.equal(rows[1]?.output_hash, rows[3]?.output_hash);
    const csv = run(binary, ['bench', '-m', tiny, '-p', '16', '-n', '0', '-r', '1', '-o', 'csv']).stdout.trim().split('\n');
    assert.equal(csv.length, 2);
    const fields = (line: string) => line.match(/("(?:[^"]|"")*"|[^,]+|(?<=,)(?=,|$))/g) ?? [];
    assert.equal(fields(csv[1] as string).length, fields(csv[0] as string).length, csv.join('\n'));
  });
});

type Event = Record<string, unknown> & { event: string };

/** A running `trit serve` and the events it has written. */
class Server {
  readonly child: ChildProcessWithoutNullStreams;
  readonly events: Event[] = [];
  readonly closed: Promise<[number | null, string | null]>;
  #wake: (() => void)[] = [];

  constructor(...args: string[]) {
    this.child = spawn(binary, ['serve', '-m', tiny, '-t', '1', ...args]);
    this.closed = once(this.child, 'close') as Promise<[number | null, string | null]>;
    this.child.stdin.on('error', () => {});
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line));
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  send(...requests: unknown[]): void {
    for (const request of requests) this.child.stdin.write(typeof request === 'string' ? request : `${JSON.stringify(request)}\n`);
  }

  /** Waits for the first event that fits. */
  async event(name: string, id?: string): Promise<Event> {
    for (;;) {
      const found = this.events.find((event) => event.event === name && (id === undefined || event.id === id));
      if (found) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }
}

describe('serve', () => {
  it('is ready, generates with rising time stamps, and ends at the end of input', async () => {
    const server = new Server();
    const ready = await server.event('ready');
    assert.equal((ready.model as Record<string, unknown>).vocab, 1024);
    server.send({ op: 'generate', id: 'a', prompt: 'Hello', max_tokens: 6, ignore_eos: true });
    server.child.stdin.end();
    const done = await server.event('done', 'a');
    assert.deepEqual(await server.closed, [0, null]);
    const tokens = server.events.filter((event) => event.event === 'token');
    assert.deepEqual(
      tokens.map((token) => token.index),
      [0, 1, 2, 3, 4, 5],
    );
    const stamps = tokens.map((token) => token.t_ns as number);
    const start = await server.event('start', 'a');
    const order = [done.request_ns, start.t_ns, ...stamps] as number[];
    assert.deepEqual(
      order,
      [...order].sort((x, y) => x - y),
    );
    assert.deepEqual([done.first_ns, done.last_ns, done.n_gen, done.stop], [stamps[0], stamps[5], 6, 'length']);
    let hash = 0xcbf29ce484222325n;
    for (const token of tokens) {
      for (let i = 0; i < 4; i++) hash = ((hash ^ BigInt(((token.token as number) >> (8 * i)) & 255)) * 0x100000001b3n) & 0xffffffffffffffffn;
    }
    assert.equal(done.hash, hash.toString(16).padStart(16, '0'));
  });

  it('keeps prompts in files that the server or a request names', async () => {
    const [ours, theirs] = [scratch('ours.kv'), scratch('theirs.kv')];
    const server = new Server('--prompt-cache', ours);
    const request = { op: 'generate', prompt: 'Once upon a time', max_tokens: 4, ignore_eos: true };
    const files = [ours, ours, theirs, theirs, '', folder];
    for (const [i, file] of files.entries()) server.send({ ...request, id: `${i}`, ...(file === ours ? {} : { prompt_cache: file }) });
    server.send({ ...request, id: 'bad', prompt_cache: 1 });
    server.child.stdin.end();
    assert.deepEqual(await server.closed, [0, null]);
    const done = await Promise.all(files.map((_, i) => server.event('done', `${i}`)));
    assert.equal(new Set(done.map((event) => event.hash)).size, 1);
    const most = (done[0]?.n_prompt as number) - 1;
    assert.deepEqual(
      done.map((event) => event.n_cached),
      [0, most, 0, most, 0, 0],
    );
    assert.deepEqual(
      done.map((event) => (event.cache_written as number) > 0),
      [true, false, true, false, false, false],
    );
    assert.deepEqual(
      done.slice(0, 5).map((event) => event.cache_error),
      [null, null, null, null, null],
    );
    assert.match(done[5]?.cache_error as string, /prompt cache/);
    assert.match((await server.event('error', 'bad')).message as string, /"prompt_cache" must be a text/);
  });

  it('answers garbage with error events and goes on', async () => {
    const server = new Server();
    const bad: unknown[] = [
      'garbage\n',
      '\n',
      '[]\n',
      '{"op":\n',
      { op: 'fly' },
      { id: 'x' },
      { op: 'generate', prompt: 'no id' },
      { op: 'generate', id: 'e1' },
      { op: 'generate', id: 'e2', prompt: 'x', tokens: [1] },
      { op: 'generate', id: 'e3', prompt: 5 },
      { op: 'generate', id: 'e4', tokens: [1, 1.5] },
      { op: 'generate', id: 'e5', tokens: [99999] },
      { op: 'generate', id: 'e6', prompt: 'x', max_tokens: -1 },
      { op: 'generate', id: 'e7', prompt: 'x', seed: 'one' },
      { op: 'generate', id: 'e8', messages: [{ role: 'king', content: 'x' }] },
      { op: 'generate', id: 'e9', random_tokens: 5000 },
      { op: 'generate', id: 7, prompt: 'x' },
      { op: 'cancel', id: 'nobody' },
      { op: 'cancel' },
    ];
    server.send(...bad);
    server.child.stdin.write(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d, 0x0a]));
    server.send(`{"op":"generate","id":"long","prompt":"${'x'.repeat(17 << 20)}"}\n`);
    server.send({ op: 'generate', id: 'good', tokens: [1, 2, 3], max_tokens: 1, ignore_eos: true });
    await server.event('done', 'good');
    const errors = server.events.filter((event) => event.event === 'error');
    assert.equal(errors.length, bad.length - 1 + 2); // the empty line is none; the bytes that are no UTF-8 and the long line are
    for (const error of errors) assert.match(error.message as string, /^.{10,}$/);
    for (let i = 1; i <= 9; i++)
      assert.ok(
        errors.some((error) => error.id === `e${i}`),
        `e${i}`,
      );
    assert.ok(errors.some((error) => /16 MiB/.test(error.message as string)));
    server.send({ op: 'usage', id: 'u' });
    assert.ok(((await server.event('usage', 'u')).peak_rss as number) > 0);
    server.send({ op: 'quit' });
    assert.deepEqual(await server.closed, [0, null]);
  });

  it('cancels what runs and what waits, and quits at once', async () => {
    const server = new Server();
    const long = { op: 'generate', prompt: 'x', max_tokens: 1000, ignore_eos: true };
    // Each token repeats its id: what is written fills the pipe long before the end, so that it waits for us, however slow we are.
    const [idA, idB, idC] = ['a', 'b', 'c'].map((letter) => letter.repeat(250)) as [string, string, string];
    server.send({ ...long, id: idA }, { ...long, id: idB }, { ...long, id: idC }, { ...long, id: idA });
    assert.match((await server.event('error', idA)).message as string, /not ended/);
    await server.event('token', idA);
    server.send({ op: 'cancel', id: idB }, { op: 'cancel', id: idA });
    const [a, b] = [await server.event('done', idA), await server.event('done', idB)];
    assert.equal(a.stop, 'cancelled');
    assert.ok((a.n_gen as number) >= 1 && (a.n_gen as number) < 1000);
    assert.deepEqual([b.stop, b.n_gen, b.first_ns], ['cancelled', 0, null]);
    await server.event('token', idC);
    server.send({ op: 'quit' });
    assert.equal((await server.event('done', idC)).stop, 'cancelled');
    assert.deepEqual(await server.closed, [0, null]);
  });

  it('stops at the end of the context, and repeats itself for a seed', async () => {
    const server = new Server('-c', '32');
    const request = { op: 'generate', random_tokens: 30, max_tokens: 50, ignore_eos: true, temperature: 1, seed: 3 };
    server.send({ ...request, id: 'a' }, { ...request, id: 'b' }, { ...request, id: 'c', seed: 4 });
    server.send({ op: 'generate', id: 'd', random_tokens: 33 }, { op: 'generate', id: 'e', prompt: 'x', max_tokens: 0 });
    server.child.stdin.end();
    await server.closed;
    const done = (id: string) => server.events.find((event) => event.id === id && event.event === 'done') as Event;
    assert.deepEqual([done('a').stop, done('a').n_prompt, done('a').n_gen], ['context', 30, 3]);
    assert.equal(done('a').hash, done('b').hash);
    assert.notEqual(done('a').hash, done('c').hash);
    assert.match(server.events.find((event) => event.id === 'd')?.message as string, /33 tokens, but the context only holds 32/);
    assert.deepEqual([done('e').stop, done('e').n_gen], ['length', 0]);
  });

  it('says so when its model file is cut short under it', async () => {
    const model = scratch('shrinking.gguf');
    copyFileSync(tiny, model);
    const server = new Server('-m', model);
    let stderr = '';
    server.child.stderr.on('data', (text) => {
      stderr += text;
    });
    await server.event('ready');
    truncateSync(model, 4096);
    server.send({ op: 'generate', id: 'a', prompt: 'x', max_tokens: 4, ignore_eos: true });
    assert.deepEqual(await server.closed, [1, null], stderr);
    assert.match(stderr, /^trit: a part of the model file can no longer be read[^\n]*\n$/);
  });

  it('ends when nobody reads it any more', async () => {
    const server = new Server();
    server.send({ op: 'generate', id: 'a', prompt: 'x', max_tokens: 1000, ignore_eos: true });
    await server.event('token', 'a');
    const exit = once(server.child, 'exit');
    server.child.stdout.destroy();
    server.send({ op: 'generate', id: 'b', prompt: 'x', max_tokens: 1, ignore_eos: true }); // the first may lie in the pipe to its end
    const [, signal] = (await exit) as [number | null, string | null];
    assert.equal(signal, null);
  });
});
