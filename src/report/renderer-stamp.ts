/** What tells one renderer of the report from another. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFingerprints } from '../base/installed-build.ts';
import { packageRoot } from '../base/package-root.ts';

/** Changes when the code that renders changes, or a package: they stand in package.json with their exact versions. */
export function rendererStamp(): string {
  const packages = readFileSync(join(packageRoot, 'package.json'));
  return createHash('sha256').update(readFingerprints().renderer).update(packages).digest('hex').slice(0, 16);
}
