/** What tells one renderer of the report from another. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedBuild } from '../base/installed-build.ts';
import { packageRoot } from '../base/package-root.ts';

/**
 * Changes when the code that renders changes: the name that the build gives its bundle contains a hash of the content,
 * and of the names of all that it imports. Packages stand in package.json with their exact versions.
 */
export function rendererStamp(): string {
  const bundles = readdirSync(installedBuild).filter((name) => /^render-report-.*\.js$/.test(name));
  const packages = readFileSync(join(packageRoot, 'package.json'));
  return createHash('sha256').update(bundles.join()).update(packages).digest('hex').slice(0, 16);
}
