/** A process of its own that takes a lease, and may have a temporary folder, for a test to kill or to stop. */
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../src/base/temporary-folder.ts';
import { LeaseFolder } from '../../src/cache/lease-files.ts';
import { LeaseStore } from '../../src/cache/lease-store.ts';
import { Scratch } from '../../src/cache/scratch.ts';

const [directory, name, prefix] = process.argv.slice(2) as [string, string, string?];
if (prefix !== undefined) await makeTemporaryFolder(prefix);
const store = new LeaseStore(new LeaseFolder(join(directory, 'leases'), new Scratch(join(directory, 'tmp'))));
for (;;) {
  const acquisition = await store.acquire(name, `place of ${process.pid}`);
  if (acquisition.kind === 'held') {
    console.log('held');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    console.log('released');
    await store.close();
    process.exit(0);
  }
  console.log('busy');
  await store.wait(name, async () => false);
}
