/**
 * A disk that fails at any call of any command: each ends with a documented exit code and with words, never with a
 * stack trace, and harms nothing. SWP_FAULTS=500 asks for more cases of each command than the suite takes.
 */
import { expect, test, vi } from 'vitest';
import { explainError } from '../../src/cli/explain-error.ts';
import { dag } from '../../src/cli/commands/dag.ts';
import { estimate } from '../../src/cli/commands/estimate.ts';
import { explain } from '../../src/cli/commands/explain.ts';
import { gc } from '../../src/cli/commands/gc.ts';
import { history } from '../../src/cli/commands/history.ts';
import { invalidate } from '../../src/cli/commands/invalidate.ts';
import { lint } from '../../src/cli/commands/lint.ts';
import { logs } from '../../src/cli/commands/logs.ts';
import { metrics } from '../../src/cli/commands/metrics.ts';
import { report } from '../../src/cli/commands/report.ts';
import { repro } from '../../src/cli/commands/repro.ts';
import { show } from '../../src/cli/commands/show.ts';
import { status } from '../../src/cli/commands/status.ts';
import { verify } from '../../src/cli/commands/verify.ts';
import { openTerminal } from '../../src/cli/terminal.ts';
import { FailingFiles } from '../support/failing-files.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

const CASES = Number(process.env.SWP_FAULTS ?? 7);
const CODES = ['EIO', 'EROFS', 'ENOSPC', 'EDQUOT', 'EMFILE', 'EACCES', 'ESTALE'];

test(`${CASES} faults of each command at any of its calls`, async () => {
  const project = await SwpProject.create(tinyStudy());
  expect((await project.swp('repro')).exitCode).toBe(0);
  const options = { pipeline: project.path('pipeline.json'), cache: project.path('cache'), checkpointEvery: 60 };
  const outPath = project.path('page.html');
  const commands: Record<string, () => void | Promise<void>> = {
    status: () => status([], options),
    show: () => show(['stage=eval'], options as never),
    metrics: () => metrics([], options as never),
    logs: () => logs(['stage=train'], options as never),
    history: () => history([], options as never),
    explain: () => explain([], options as never),
    lint: () => lint(options as never),
    dag: () => dag([], { ...options, format: 'html', output: outPath } as never),
    estimate: () => estimate([], options as never),
    'gc --dry-run': () => gc({ ...options, dryRun: true } as never),
    gc: () => gc(options as never),
    verify: () => verify([], options as never),
    report: () => report(options as never),
    'invalidate --dry-run': () => invalidate(['stage=eval'], { ...options, dryRun: true } as never),
    repro: () => repro([], options as never),
    'repro --dry-run': () => repro([], { ...options, dryRun: true } as never),
    'repro stage=eval': () => repro(['stage=eval'], options as never),
  };
  let written = '';
  const note = (text: unknown) => {
    written += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(note);
  vi.spyOn(process.stderr, 'write').mockImplementation(note);
  const disk = new FailingFiles();
  const end = async (command: () => void | Promise<void>) => {
    written = '';
    process.exitCode = 0;
    try {
      await command();
    } catch (error) {
      process.exitCode = await explainError(error, openTerminal());
    }
    const code = process.exitCode;
    process.exitCode = 0;
    return code;
  };
  const problems: string[] = [];
  let cases = 0;
  for (const [name, command] of Object.entries(commands)) {
    disk.arm(project.root);
    const sound = await end(command);
    const calls = disk.calls;
    if (sound > 2) problems.push(`${name} without faults: ${sound} ${written}`);
    for (let index = 0; index < CASES; index++) {
      const at = Math.floor(calls * ((index * 0.618034 + 0.01) % 1));
      const fault = { code: CODES[index % CODES.length]!, at, lasting: Math.floor(index / CODES.length) % 2 === 1 };
      disk.arm(project.root, fault);
      const code = await end(command);
      cases++;
      if (
        ![0, 1, 2].includes(Number(code)) ||
        /\n {4}at |undefined|\[object/.test(written) ||
        (code !== 0 && written.trim() === '')
      )
        problems.push(`${name} ${JSON.stringify(fault)} at ${disk.failed[0]}: ${code}\n${written}`);
    }
  }
  disk.arm(project.root);
  const sound = await end(commands.verify!);
  vi.restoreAllMocks();
  console.log(`${cases} cases: ${problems.length} problems`);
  expect(problems).toEqual([]);
  expect([sound, written]).toEqual([0, expect.stringContaining('all whole')]);
});
