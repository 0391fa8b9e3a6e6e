/** What swp doctor found, for people: a table to look at, what would change it, and then the particulars. */
import { decimal } from '../base/number-text.ts';
import type { Colors } from 'picocolors/types';
import type { CacheFinding } from '../doctor/cache-place.ts';
import type { DoctorFindings } from '../doctor/examine.ts';
import type { MachineFinding } from '../doctor/machine.ts';
import type { TargetFinding } from '../doctor/targets.ts';
import { quantityText } from '../base/quantity-text.ts';
import { plural } from './study-text.ts';
import { table } from './table.ts';

/** @returns lines */
export function doctorText(findings: DoctorFindings, colors: Colors): string[] {
  return [
    ...table(
      ['engine', 'device', 'works', ''],
      findings.targets.map((target) => targetRow(target, colors)),
      colors,
    ),
    '',
    ...remedyLines(findings, colors),
    ...particulars(findings, colors),
  ];
}

function targetRow(
  { engine, device, works, why, gemmGflops, flushesSubnormals, generators }: TargetFinding,
  colors: Colors,
): string[] {
  const colour = { ok: colors.green, no: colors.yellow, broken: colors.red }[works];
  const speed = gemmGflops === undefined ? '' : `${decimal(gemmGflops, 0)} GFLOP/s on one core`;
  const codes = generators?.map(({ name, gemmGflops: own }) => `${name}: ${decimal(own, 0)} GFLOP/s`).join(', ') ?? '';
  const subnormals = flushesSubnormals === false ? '; no FFI: subnormal numbers are kept' : '';
  return [engine, device, colour(works), why?.replace(/\.$/, '') ?? `${speed}${codes}${subnormals}`];
}

/** One line per remedy; a remedy that serves several targets is said once. */
function remedyLines({ targets, node, cache }: DoctorFindings, colors: Colors): string[] {
  const remedies = new Map<string, string[]>();
  const add = (remedy: string, what: string) => remedies.set(remedy, [...(remedies.get(remedy) ?? []), what]);
  for (const { engine, device, remedy } of targets) if (remedy !== null) add(remedy, `${engine} ${device}`);
  if (!node.supported) add(`Install Node.js ${node.needed}.`, 'Node.js');
  if (!cache.writable) add('Choose another cache with --cache DIRECTORY, or make this one writable.', 'cache');
  if (remedies.size === 0) return [];
  const rows = [...remedies].map(([remedy, whats]) => ({ what: whats.join(', '), remedy }));
  const width = Math.max(...rows.map(({ what }) => what.length));
  return [
    colors.dim('what would change that'),
    ...rows.map(({ what, remedy }) => `${what.padEnd(width)}  ${remedy}`),
    '',
  ];
}

function particulars(findings: DoctorFindings, colors: Colors): string[] {
  const { node, machine, cache, gpus, nvidiaSmi, cudaLibraries, vulkanDrivers, packages } = findings;
  const entries: [string, string][] = [
    ['Node.js', `${node.version}${node.supported ? '' : colors.red(` is not supported: swp needs ${node.needed}`)}`],
    ['processor', processorText(machine)],
    [
      'memory',
      `${quantityText(machine.memory, 'B')}${machine.memoryLimit === null ? '' : `, of which this process may use ${quantityText(machine.memoryLimit, 'B')}`}`,
    ],
    ['cache', cacheText(cache, colors)],
    [
      'GPUs',
      gpus.length === 0
        ? `none seen${nvidiaSmi === null ? '' : `: ${nvidiaSmi}`}`
        : gpus
            .map(
              ({ name, memoryMib, driver }) =>
                `${name}${memoryMib === null ? '' : ` (${quantityText(memoryMib * 2 ** 20, 'B')})`}, driver ${driver}`,
            )
            .join('; '),
    ],
    ['CUDA', cudaLibraries.join(', ') || 'no libraries seen'],
    ['Vulkan', vulkanDrivers.join(', ') || 'no driver seen'],
    [
      'packages',
      Object.entries(packages)
        .map(([name, version]) => `${name} ${version ?? '(not installed)'}`)
        .join(', '),
    ],
  ];
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${colors.dim(name.padEnd(width))}  ${value}`);
}

function processorText({ cpu, arch, cores, allowedCores, quotaCores, instructions }: MachineFinding): string {
  const limits = [
    ...(allowedCores < cores ? [`${allowedCores} allowed`] : []),
    ...(quotaCores === null ? [] : [`quota ${Number(quotaCores.toFixed(2))}`]),
  ];
  const sets = instructions === null ? '' : `, ${instructions.join(' ') || 'no AVX2'}`;
  return `${cpu ?? arch}, ${plural(cores, 'core')}${limits.length === 0 ? '' : ` (${limits.join(', ')})`}${sets}`;
}

function cacheText({ path, exists, writable, code, free, fileSystem }: CacheFinding, colors: Colors): string {
  const state = writable ? `${exists ? 'writable' : 'can be made'}` : colors.red(`not writable (${code ?? 'unknown'})`);
  return [
    `${path}: ${state}`,
    ...(free === null ? [] : [`${quantityText(free, 'B')} free`]),
    ...(fileSystem === null ? [] : [fileSystem]),
  ].join(', ');
}
