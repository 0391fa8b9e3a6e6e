/** What has become of a job, by what Slurm says of it and by its own words. */
import { describe, expect, it } from 'vitest';
import { isOver, stateOfJob, type JobWords } from '../../src/engine/executors/slurm/job-state.ts';
import { parseSlurmJobs } from '../../src/engine/executors/slurm/slurm-output.ts';

/** A line of squeue. */
const job = (line: string) => parseSlurmJobs(line).get('4_1')!;
const BEGAN = { hasStarted: true };
const NEW = { hasStarted: false };
const after = (ending: NonNullable<JobWords['ending']>) => ({ hasStarted: true, ending });

describe('a job that is not over', () => {
  it.each([
    ['4_1|PENDING|Priority||0:00|1:00', NEW, { kind: 'queued', reason: 'Priority' }],
    ['4_1|PENDING|None||0:00|1:00', NEW, { kind: 'queued' }],
    ['4_1|PENDING|BeginTime||0:00|1:00', after('requeue'), { kind: 'requeued', reason: 'BeginTime' }],
    ['4_1|PENDING|BeginTime||0:00|1:00', BEGAN, { kind: 'requeued', reason: 'BeginTime' }],
    ['4_1|PENDING|Resources||0:00|1:00', after('done'), { kind: 'requeued', reason: 'Resources' }],
    ['4_1|RUNNING|None|n1|0:07|0:53', NEW, { kind: 'running', nodes: 'n1', seconds: 7, leftSeconds: 53 }],
    ['4_1|RUNNING|None|n1|0:07|UNLIMITED', after('requeue'), { kind: 'running', nodes: 'n1', seconds: 7 }],
    ['4_1|COMPLETING|None|n1|0:07|INVALID', BEGAN, { kind: 'running', nodes: 'n1', seconds: 7, isEnding: true }],
  ])('%s, %o', (line, words, state) => {
    expect(stateOfJob(job(line), words)).toEqual(state);
    expect(isOver(stateOfJob(job(line), words))).toBe(false);
  });

  it.each(['DependencyNeverSatisfied', 'JobHeldUser', 'launch failed requeued held'])('never starts: %s', (reason) => {
    const state = stateOfJob(job(`4_1|PENDING|${reason}||0:00|1:00`), NEW);
    expect(state).toEqual({ kind: 'queued', reason, neverStarts: true });
  });

  it('is not given up while Slurm does not answer', () => {
    expect(stateOfJob('silent', BEGAN)).toEqual({ kind: 'unknown' });
    expect(isOver({ kind: 'unknown' })).toBe(false);
  });
});

describe('a job that is over', () => {
  it.each([
    ['4_1|COMPLETED|None|n1|0:09|1:00', after('done'), { kind: 'done' }],
    // a process of it was out of memory, and another one did its work
    ['4_1|OUT_OF_MEMORY|OutOfMemory|n1|0:04|1:00', after('done'), { kind: 'done' }],
    ['4_1|COMPLETING|None|n1|0:09|1:00', after('done'), { kind: 'done' }],
    ['4_1|COMPLETED|None|n1|0:00|1:00', NEW, { kind: 'failed' }],
    ['4_1|FAILED|NonZeroExitCode|n1|0:09|1:00', after('failed'), { kind: 'failed', reason: 'NonZeroExitCode' }],
    ['4_1|FAILED|JobLaunchFailure|n1|0:00|1:00', NEW, { kind: 'failed', reason: 'JobLaunchFailure' }],
    ['4_1|FAILED|NonZeroExitCode|n1|0:09|1:00', after('too-short'), { kind: 'time-limit' }],
    ['4_1|FAILED|NonZeroExitCode|n1|0:09|1:00', after('stopped'), { kind: 'cancelled' }],
    ['4_1|OUT_OF_MEMORY|OutOfMemory|n1|0:04|1:00', after('failed'), { kind: 'out-of-memory' }],
    ['4_1|TIMEOUT|TimeLimit|n1|1:04|INVALID', BEGAN, { kind: 'time-limit' }],
    ['4_1|NODE_FAIL|NodeDown|n1|0:43|1:00', BEGAN, { kind: 'node-failure', nodes: 'n1' }],
    ['4_1|CANCELLED|None|n1|0:03|1:00', after('stopped'), { kind: 'cancelled' }],
    [
      '4_1|CANCELLED|DependencyNeverSatisfied||0:00|1:00',
      NEW,
      { kind: 'cancelled', reason: 'DependencyNeverSatisfied' },
    ],
    ['4_1|PREEMPTED|None|n1|0:13|1:00', BEGAN, { kind: 'preempted' }],
  ])('%s, %o', (line, words, state) => {
    expect(stateOfJob(job(line), words)).toEqual(state);
    expect(isOver(stateOfJob(job(line), words))).toBe(true);
  });

  it.each([
    [after('done'), { kind: 'done' }],
    [after('failed'), { kind: 'failed' }],
    [after('too-short'), { kind: 'time-limit' }],
    [after('stopped'), { kind: 'cancelled' }],
    [after('requeue'), { kind: 'lost' }],
    [BEGAN, { kind: 'lost' }],
    [NEW, { kind: 'lost' }],
  ])('is known by its own words, %o, when Slurm has forgotten it', (words, state) => {
    expect(stateOfJob('absent', words)).toEqual(state);
  });
});
