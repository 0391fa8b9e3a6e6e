/**
 * A copy of the checkout, in which a test may change stages. It is built when it is first used, as any other; what
 * builds keep of slow compilers is there.
 */
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../src/base/package-root.ts';

const PARTS = ['bin', 'build', 'schemas', 'src', 'stages', 'templates', 'package.json', 'package-lock.json'];
/** Of dist: the optimizer kernel, and the types of the API, each with digests of what they are made of. */
const KEPT = /^(optimizer-.*\.wasm|api-declarations\.json)$/;

export class Checkout {
  private constructor(readonly root: string) {}

  static async create(): Promise<Checkout> {
    const root = await mkdtemp(join(tmpdir(), 'swp-checkout-'));
    await execa('cp', ['-R', ...PARTS, root], { cwd: packageRoot });
    await mkdir(join(root, 'dist'));
    for (const kept of await readdir(join(packageRoot, 'dist')))
      if (KEPT.test(kept)) await copyFile(join(packageRoot, 'dist', kept), join(root, 'dist', kept));
    await symlink(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
    return new Checkout(root);
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true });
  }

  /** Writes a file, and the folders that it lies in. */
  async write(file: string, content: unknown): Promise<void> {
    const path = join(this.root, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  }

  swp(...args: string[]) {
    return execa(process.execPath, [join(this.root, 'bin/swp.js'), ...args], {
      cwd: this.root,
      reject: false,
      env: { NO_COLOR: '1', COLUMNS: '120', SWP_CACHE: undefined, SWP_PROFILE: undefined },
    });
  }
}
