/** Studies that ask for too much, on the command line and with little memory: planned, or refused with the place. */
import { describe, expect, test } from 'vitest';
import { smallestStudy } from '../support/smallest-study.ts';
import { command, SwpProject } from '../support/swp-project.ts';

/** Asks for the state of a study, one thing changed, with little memory. */
async function statusOf(change: (study: Study) => unknown, ...args: string[]) {
  const study = (await smallestStudy()) as unknown as Study;
  const changed = change(study);
  const project = await SwpProject.create(Buffer.isBuffer(changed) ? changed.toString('latin1') : study);
  const { exitCode, stdout, stderr } = await project.startProgram(process.execPath, [
    '--max-old-space-size=150',
    command,
    'status',
    ...args,
  ]);
  return { exitCode, stdout: String(stdout), stderr: String(stderr) };
}

interface Study {
  defaults: { params: { train: Record<string, unknown> } };
  experiments: Record<string, unknown>;
  profiles?: Record<string, unknown>;
  defaultProfile?: string;
}

describe('swp status', () => {
  test('of a batch of 50,000 needs no memory for it', async () => {
    const { exitCode, stdout } = await statusOf((study) => (study.defaults.params.train.batchSize = 50_000));
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('1 experiment')]);
  });

  test('of a batch that no engine can take says where it stands', async () => {
    const { exitCode, stderr } = await statusOf((study) => (study.defaults.params.train.batchSize = 2_000_000));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^pipeline\.json:\d+:\d+ error: 2000000 is not possible here\./);
    expect(stderr).toContain('Expected: a whole number, at least 1, at most 1000000');
  });

  test('of a profile that is only a name of all objects says that there is none', async () => {
    const { exitCode, stderr } = await statusOf((study) => (study.defaultProfile = 'toString'));
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('The profile "toString" does not exist.')]);
    const named = await statusOf(() => {}, '--profile', 'constructor');
    expect([named.exitCode, named.stderr]).toEqual([2, expect.stringContaining('There is no profile "constructor".')]);
  });

  test('with globs that could go back for ever answers', async () => {
    const { exitCode, stderr } = await statusOf((study) => {
      study.experiments['a'.repeat(80)] = {};
      study.profiles = { p: { experiments: [`${'*a'.repeat(39)}b`, 'A1'] } };
      study.defaultProfile = 'p';
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('*ab" does not exist.')]);
    const selected = await statusOf(
      (study) => {
        study.experiments['a'.repeat(80)] = {};
      },
      `experiment=${'*a'.repeat(60)}b`,
    );
    expect([selected.exitCode, selected.stderr]).toEqual([2, expect.stringContaining('No node of this profile has')]);
  });

  test('of a file of 100 MB reads no more than shows that', async () => {
    const { exitCode, stderr } = await statusOf(() => Buffer.alloc(100e6, '['));
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('pipeline.json:1:1 error: The file is too large.')]);
  });
});
