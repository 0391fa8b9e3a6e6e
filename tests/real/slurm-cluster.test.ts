/** What tests on Slurm take for granted: that a dead node is dead, and that nothing is left when a cluster stops. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { processesWith } from './running-processes.ts';
import { SlurmCluster } from './slurm-cluster.ts';

it('a node dies with its jobs and comes back; a stopped cluster leaves no process', async () => {
  const cluster = await SlurmCluster.start({ nodes: 2, gpus: 1 });
  const { directory, env } = cluster;
  const [first, second] = cluster.nodes as [string, string];
  const processes = () => processesWith('SLURM_CONF', env.SLURM_CONF!);
  try {
    const idle = processes().length;
    const job = await cluster.submit('#!/bin/sh\nexec sleep 1000000', [`--nodelist=${first}`, '--gres=gpu:1']);
    await cluster.untilJob(job, 'RUNNING');
    await cluster.until(processes, (found) => found.length > idle, 'the job has processes');
    await cluster.killNode(first);
    expect(processes()).toHaveLength(idle - 1);
    await cluster.declareDead(first);
    expect(await cluster.untilJob(job, 'PENDING')).toMatchObject({ Restarts: '1' });
    // Not the same job: a node that has come back may refuse what it had before, and Slurm then holds it.
    await cluster.run('scancel', [job]);
    await cluster.startNode(first);
    const next = await cluster.submit('#!/bin/sh\ntrue', [`--nodelist=${first}`]);
    expect(await cluster.untilJob(next, 'COMPLETED')).toMatchObject({ NodeList: first });

    const user = await cluster.addUser('ann');
    const theirs = await cluster.submit('#!/bin/sh\nid -un > who', [`--nodelist=${second}`], user);
    expect(await cluster.untilJob(theirs, 'COMPLETED')).toMatchObject({ UserId: `${user.name}(${user.uid})` });
  } finally {
    await cluster.stop();
  }
  expect(processes()).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});
