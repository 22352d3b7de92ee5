import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { GOLDEN } from '../../src/fleet/golden.ts';
import { temporaryFolder } from '../support/folder.ts';
import { run, trit } from '../support/trit.ts';

interface Check {
  ok: boolean;
  seed: number;
  isas: { isa: string; kernels: { kernel: string; ok: boolean; cases: number; detail: string }[] }[];
}

const root = path.resolve(import.meta.dirname, '../..');
const KERNELS = readFileSync(path.join(root, 'kernels/kernels.inc'), 'utf8').match(/^KERNEL\(/gm)?.length;
const COMPILERS = ['gcc', 'clang-14', 'clang-19'];

/** Machines that are emulated: the ISAs each CPU must prove, the best CPU last, and the compilers that must get them right. The first compiler's
 * build is proved on every CPU, the others' on the best, which has every ISA. */
const MACHINES = [
  {
    machine: 'arm64',
    qemu: 'qemu-aarch64-static',
    linker: 'aarch64-linux-gnu-gcc',
    compilers: ['aarch64-linux-gnu-gcc', 'clang-14 --target=aarch64-linux-gnu', 'clang-19 --target=aarch64-linux-gnu'],
    cpus: {
      'cortex-a53': ['scalar', 'neon'],
      'cortex-a72': ['scalar', 'neon'],
      'cortex-a76': ['scalar', 'neon', 'dotprod'],
      max: ['scalar', 'neon', 'dotprod', 'i8mm'],
    },
    absent: { cpu: 'cortex-a53', isa: 'dotprod' },
  },
  {
    machine: 'arm',
    qemu: 'qemu-arm-static',
    linker: 'arm-linux-gnueabihf-gcc',
    compilers: ['arm-linux-gnueabihf-gcc', 'clang-14 --target=arm-linux-gnueabihf'],
    cpus: { 'cortex-a9': ['scalar'], 'cortex-a15': ['scalar', 'neon32'] },
    absent: { cpu: 'cortex-a9', isa: 'neon32' },
  },
  {
    machine: 'riscv64',
    qemu: 'qemu-riscv64-static',
    linker: 'riscv64-linux-gnu-gcc',
    compilers: ['clang-19 --target=riscv64-linux-gnu'],
    cpus: { 'rv64,v=false': ['scalar'], 'rv64,v=true,vlen=128': ['scalar', 'rvv'], 'rv64,v=true,vlen=512': ['scalar', 'rvv'] },
    absent: { cpu: 'rv64,v=false', isa: 'rvv' },
  },
  {
    machine: 'x86_64',
    qemu: 'qemu-x86_64-static',
    linker: 'x86_64-linux-gnu-gcc',
    compilers: ['clang-19 --target=x86_64-linux-gnu'],
    cpus: { core2duo: ['scalar', 'ssse3'] }, // later ISAs are proved on real CPUs, and by check-x86_64 on an emulated one
    absent: { cpu: 'core2duo', isa: 'avx2' },
  },
];

function missing(...commands: string[]): string | false {
  const absent = commands.filter((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0);
  return absent.length > 0 && `${absent.join(' and ')} not installed`;
}

async function make(target: string, out: string, ...args: string[]): Promise<string> {
  const folder = path.join(root, '.fleet/test', out);
  const { stderr } = await promisify(execFile)('make', ['-j2', '-C', path.join(root, 'kernels'), `OUT=${folder}`, ...args, target], {
    maxBuffer: 1 << 26,
  });
  return stderr;
}

async function build(out: string, ...args: string[]): Promise<string> {
  await make('all', out, ...args);
  return path.join(root, '.fleet/test', out, 'trit');
}

/** Bytes of a binary without its symbols. */
function stripped(binary: string, strip: string): number {
  execFileSync(strip, ['-o', `${binary}.stripped`, binary]);
  return statSync(`${binary}.stripped`).size;
}

function check(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Check {
  const done = spawnSync(command, [...args, '-o', 'json'], { encoding: 'utf8', env: { ...process.env, ...env } });
  assert.equal(done.status, 0, `${command} ${args.join(' ')}: ${done.signal ?? ''} ${done.stderr}${done.stdout}`);
  return JSON.parse(done.stdout);
}

function assertProved(result: Check, isas: string[]): void {
  assert.equal(result.ok, true);
  assert.deepEqual(
    result.isas.map((isa) => isa.isa),
    isas,
  );
  for (const { isa, kernels } of result.isas) {
    assert.ok(kernels.length > 0, `${isa} brings no kernel`);
    for (const kernel of kernels) assert.ok(kernel.ok && kernel.cases >= 24, `${isa} ${kernel.kernel}: ${kernel.detail}`);
  }
  assert.equal(result.isas.find((isa) => isa.isa === 'scalar')?.kernels.length ?? KERNELS, KERNELS);
}

const golden = path.join(temporaryFolder('isa'), 'golden.gguf');

/** The golden tokens come out of the whole engine on an emulated CPU, with either layout of ternary weights. */
async function assertGolden(qemu: string, binary: string, cpu: string): Promise<void> {
  if (!existsSync(golden)) {
    const { preset, type, head, seed } = GOLDEN.synth;
    const made = run(await trit(), ['synth', '--preset', preset, '--type', type, '--head', head, '--seed', String(seed), '-o', golden]);
    assert.equal(made.status, 0, made.stderr);
  }
  const input = `${JSON.stringify({ op: 'generate', id: 'g', tokens: GOLDEN.prompt, max_tokens: GOLDEN.tokens.length, ignore_eos: true })}\n`;
  for (const layout of ['t2', 't5']) {
    const args = [binary, 'serve', '-m', golden, '-t', '2', '-c', '256', '--layout', layout];
    const { stdout, stderr } = spawnSync(qemu, args, { input, encoding: 'utf8', env: { ...process.env, QEMU_CPU: cpu } });
    const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { event: string; token?: number }]));
    assert.deepEqual(
      events.flatMap(({ event, token }) => (event === 'token' ? [token] : [])),
      GOLDEN.tokens,
      `${cpu}, ${layout}: ${stderr}`,
    );
  }
}

/** ISAs of this machine, as `trit check` itself finds them; at least the specification. */
async function nativeIsas(): Promise<string[]> {
  const isas = check(await trit(), ['check', '--seed', '1']).isas.map((isa) => isa.isa);
  assert.equal(isas[0], 'scalar');
  return isas;
}

describe('trit check', () => {
  it('proves every ISA of this CPU, with several seeds', async () => {
    const isas = await nativeIsas();
    for (const seed of ['1', '2', '3']) {
      const result = check(await trit(), ['check', '--seed', seed]);
      assert.equal(result.seed, Number(seed));
      assertProved(result, isas);
    }
  });

  it('proves one ISA alone where it is named', async () => {
    for (const isa of await nativeIsas()) assertProved(check(await trit(), ['check', '--isa', isa]), [isa]);
  });

  it('draws another seed each time and prints it', async () => {
    const seeds = [check(await trit(), ['check']).seed, check(await trit(), ['check']).seed];
    assert.ok(seeds.every((seed) => seed > 0));
    assert.notEqual(seeds[0], seeds[1]);
    assert.match(run(await trit(), ['check', '--seed', '42']).stdout, /^seed 42\n/);
  });

  it('refuses an ISA that is not there', async () => {
    for (const isa of ['mmx', '', 'AVX2']) {
      const done = run(await trit(), ['check', '--isa', isa]);
      assert.equal(done.status, 2);
      assert.match(done.stderr, /unknown or this CPU does not have it/);
    }
  });

  for (const compiler of COMPILERS)
    it(`is right as built by ${compiler}`, { skip: missing(compiler) }, async () => {
      const binary = await build(`isa-${compiler}`, `CC=${compiler}`);
      assertProved(check(binary, ['check']), await nativeIsas());
    });
});

for (const { machine, qemu, linker, compilers, cpus, absent } of MACHINES)
  describe(`trit check on ${machine}`, { skip: missing(qemu, linker) }, () => {
    for (const [order, compiler] of compilers.entries())
      it(`is right on emulated CPUs as built by ${compiler}`, { skip: missing(compiler.split(' ')[0] ?? '') }, async () => {
        const binary = await build(`isa-${machine}-${compiler.split(' ')[0]}`, `CC=${compiler}`, 'STATIC=1');
        for (const [cpu, isas] of Object.entries(cpus).slice(order ? -1 : 0)) {
          assertProved(check(qemu, [binary, 'check', '--cases', '24'], { QEMU_CPU: cpu }), isas);
          await assertGolden(qemu, binary, cpu);
        }
        assert.ok(
          stripped(binary, linker.replace(/gcc$/, 'strip')) <= (compiler.startsWith('clang') ? 1_600_000 : 1_500_000),
          'small enough to send to a device over a slow line',
        );
        const { status } = spawnSync(qemu, [binary, 'check', '--isa', absent.isa], { env: { ...process.env, QEMU_CPU: absent.cpu } });
        assert.equal(status, 2, `${absent.isa} must stay away from ${absent.cpu}, also when asked for`);
      });
  });

describe('the C tests', () => {
  it('pass', async () => {
    await make('test', 'trit-c');
  });

  it('pass under ASan and UBSan', { skip: missing('clang-19') }, async () => {
    await make('test', 'trit-asan', 'CC=clang-19', 'CFLAGS_EXTRA=-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all');
  });

  it('pass under ThreadSanitizer', { skip: missing('clang-19') }, async () => {
    await make('test', 'trit-tsan', 'CC=clang-19', 'CFLAGS_EXTRA=-g -fsanitize=thread');
  });
});

describe('make', () => {
  it('leaves out an ISA whose flags the compiler does not know, says so, and the binary still runs', { skip: missing('gcc') }, async () => {
    const wrapper = path.join(root, 'test/support/cc-without-avx512.sh');
    rmSync(path.join(root, '.fleet/test/isa-old'), { recursive: true, force: true });
    const note = await make('all', 'isa-old', `CC=${wrapper}`);
    const result = check(path.join(root, '.fleet/test/isa-old/trit'), ['check']);
    assert.ok(result.ok);
    if (process.arch === 'x64') {
      assert.match(note, /note: .* ISA avx512vnni is left out/);
      assert.ok(!result.isas.some((isa) => isa.isa === 'avx512vnni'));
    }
  });
});

describe('make mca', { skip: missing('llvm-mca-19', 'clang-19', 'aarch64-linux-gnu-gcc') }, () => {
  it('finds the hot loops and estimates them', () => {
    const done = spawnSync('make', ['-s', '-C', path.join(root, 'kernels'), 'mca', 'MCA_COMPILERS=clang-19'], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    const lines = done.stdout.trim().split('\n').slice(2);
    for (const line of lines) assert.match(line, /^\| [^|]+ \| [a-z0-9-]+ \| [a-z0-9]+ \| clang-19 \| [0-9.]+ \| [0-9.]+ \|$/);
    const ternary = ['plain 2 bits, one token', 't2, one token', 't5, one token', 't2 and t5, many tokens'];
    const mixes = ['neon', 'ssse3', 'avx2', 'avx512vnni']; // dotprod and i8mm have that of neon
    for (const isa of ['dotprod', 'i8mm', ...mixes])
      for (const loop of [...ternary, ...(mixes.includes(isa) ? ['mix of values'] : [])])
        assert.ok(
          lines.some((line) => line.startsWith(`| ${loop} |`) && line.includes(`| ${isa} |`)),
          `${isa}: ${loop}`,
        );
  });
});

describe('trit kernels', () => {
  interface Figures {
    clock_ghz: number;
    buffer_bytes: number;
    exceeds_cache: boolean;
    bandwidth: { threads: number; gb_per_s: number }[];
    peaks: { isa: string; instruction: string; threads: number; products_per_ns: number }[];
    kernels: ({ isa: string; kernel: string; tokens: number } & Record<string, number>)[];
  }
  async function figures(...args: string[]): Promise<Figures> {
    const done = run(await trit(), ['kernels', '--megabytes', '1', '--rounds', '2', '--time', '1', '-t', '2', '-o', 'json', ...args]);
    assert.equal(done.status, 0, done.stderr);
    return JSON.parse(done.stdout);
  }

  it('times every kernel of every ISA, the memory and the peak of each ISA', async () => {
    const result = await figures();
    assert.ok(result.clock_ghz > 0.05 && result.clock_ghz < 20, `${result.clock_ghz} GHz`);
    assert.equal(result.buffer_bytes, 1 << 20);
    assert.deepEqual(
      result.bandwidth.map((row) => row.threads),
      [1, 2],
    );
    const isas = await nativeIsas();
    assert.deepEqual(
      result.peaks.map(({ isa, threads }) => `${isa} ${threads}`),
      isas.filter((isa) => isa !== 'scalar').flatMap((isa) => [`${isa} 1`, `${isa} 2`]),
    );
    for (const peak of result.peaks) assert.ok(peak.products_per_ns > 0 && peak.instruction, JSON.stringify(peak));
    const scalar = result.kernels.filter((row) => row.isa === 'scalar');
    assert.equal(new Set(scalar.map((row) => row.kernel)).size, KERNELS);
    assert.deepEqual(new Set(result.kernels.map((row) => row.isa)), new Set(isas));
    for (const row of result.kernels) {
      const text = JSON.stringify(row);
      assert.ok((row.ns ?? 0) > 0 && (row.per_cycle ?? 0) > 0 && (row.ns_low ?? 0) <= (row.ns ?? 0) && (row.ns ?? 0) <= (row.ns_high ?? 0), text);
      const weights = /^(gemm|dot)_/.test(row.kernel);
      assert.equal((row.gb_per_s ?? 0) > 0 && (row.bandwidth_share ?? 0) > 0, weights && row.tokens === 1, text);
      assert.equal((row.peak_share ?? 0) > 0, /^gemm_.*[iq]8$/.test(row.kernel) && row.isa !== 'scalar', text);
    }
  });

  it('times one kernel of one ISA, or the machine alone, and knows its names', async () => {
    const one = await figures('--isa', 'scalar', '--kernel', 'rmsnorm_f32');
    assert.deepEqual(
      one.kernels.map(({ isa, kernel }) => `${isa} ${kernel}`),
      ['scalar rmsnorm_f32'],
    );
    assert.deepEqual((await figures('--kernel', 'none')).kernels, []);
    const wrong = run(await trit(), ['kernels', '--kernel', 'gemm']);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /there is no kernel "gemm"/);
  });

  it('says whether it read the memory or only a cache', async () => {
    const cached = run(await trit(), ['kernels', '--kernel', 'none', '--megabytes', '1', '--rounds', '1', '--time', '1']);
    assert.equal(cached.status, 0, cached.stderr);
    assert.match(cached.stdout, /reading +1 MB: .*(\n +NOTE: that fits into the cache|caches is unknown|largest cache has 0 MB)/);
  });
});
