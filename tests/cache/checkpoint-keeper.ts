/** A process of its own that keeps checkpoints of one trajectory and looks for them, beside others that do the same. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cache } from '../../src/cache/cache.ts';

const [directory, times] = process.argv.slice(2) as [string, string];
const { trajectories, scratch } = await Cache.open(directory);
const trajectory = 'ab'.repeat(32);
console.log('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
for (let index = 0; index < Number(times); index++) {
  const folder = join(await scratch.directory(), `checkpoint-${index}`);
  await mkdir(folder);
  await writeFile(join(folder, 'text'), 'state');
  const at = index % 3;
  await trajectories.keep(trajectory, { at, files: { text: join(folder, 'text') }, replaces: null }, folder, at - 1);
  await trajectories.checkpoint(trajectory, 3);
  if (index % 5 === 4) await trajectories.addStop(trajectory, { at: 2, key: 'cd'.repeat(32) });
}
await scratch.clear();
process.exit(0);
