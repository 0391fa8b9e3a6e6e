/**
 * A user of a shared cache: reads what is named second, then publishes what is named first. With PAUSE in the
 * environment it says when it is about to write, and waits for a word.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cache } from '../../src/cache/cache.ts';
import { SwpError } from '../../src/base/failure.ts';

const [directory, name, other] = process.argv.slice(2) as [string, string, string?];
const keyOf = (text: string) => createHash('sha256').update(text).digest('hex');
try {
  const cache = await Cache.open(directory);
  if (other !== undefined) {
    const record = await cache.record(keyOf(other));
    await cache.verify(record!.artifacts.text!);
    console.log(`read ${other}`);
  }
  const lease = await cache.leases.acquire(keyOf(`lease ${name}`), name);
  const path = join(await cache.scratch.node(), 'text');
  if (process.env.PAUSE !== undefined) {
    console.log('about to write');
    await once(process.stdin, 'data');
    process.stdin.destroy();
  }
  writeFileSync(path, name);
  const at = new Date();
  await cache.publish({
    key: keyOf(name),
    contentKey: keyOf(`content ${name}`),
    stage: 's',
    preimage: {},
    contentPreimage: {},
    outputs: { text: { path, file: 'text.txt' } },
    metrics: {},
    environment: {},
    seconds: 0,
    startedAt: at,
    finishedAt: at,
  });
  if (lease.kind === 'held') lease.lease.release();
  cache.leases.close();
  await cache.scratch.clear();
  console.log(`published ${name}`);
} catch (error) {
  if (!(error instanceof SwpError) || error.failure.kind !== 'file') throw error;
  console.log(`${error.failure.code}: ${error.failure.remedy}`);
  process.exitCode = 1;
}
