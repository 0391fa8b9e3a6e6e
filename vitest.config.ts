import { existsSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Where tests/real/install.sh puts libtensorflow and a Node for arm64, and Debian's chromium its Vulkan driver in
// software.
const INSTALLED = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'super-weight-pruning');
const TENSORFLOW = join(INSTALLED, 'tensorflow/node_modules/@tensorflow/tfjs-node-gpu');
const NODE_ARM64 = join(INSTALLED, 'node-arm64-22/package/bin/node');
const NODES = ['20', '22', '24'].map((version) => join(INSTALLED, `node-x64-${version}/package/bin/node`)).join(':');
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

export default defineConfig({
  test: {
    // What swp notes for its user is kept apart from the notes of whoever runs the tests.
    env: { XDG_CACHE_HOME: fileURLToPath(new URL('node_modules/.cache/swp-tests', import.meta.url)) },
    // Guards against a test that hangs, no more: on a busy machine a test of the command line takes minutes.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: 'tests/support/suite-folder.ts',
    pool: 'forks',
    // Much of a test is waiting for a child process, so the main process needs no core of its own.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        // `npm test`: needs nothing but `npm ci`.
        test: { name: 'suite', include: ['tests/**/*.test.ts'], exclude: ['tests/{real,gpu}/**'] },
      },
      {
        extends: true,
        // `npm run test:real`: needs what tests/real/install.sh installs.
        test: {
          name: 'real',
          include: ['tests/real/**/*.test.ts'],
          env: {
            ...(process.env.SWP_TFJS_NODE === undefined && existsSync(TENSORFLOW) && { SWP_TFJS_NODE: TENSORFLOW }),
            ...(process.env.SWP_NODE_ARM64 === undefined && { SWP_NODE_ARM64: NODE_ARM64 }),
            ...(process.env.SWP_NODES === undefined && { SWP_NODES: NODES }),
            ...(process.env.VK_ICD_FILENAMES === undefined &&
              existsSync(SWIFTSHADER) && { VK_ICD_FILENAMES: SWIFTSHADER }),
          },
        },
      },
      {
        extends: true,
        // `npm run test:gpu`: needs an NVIDIA GPU.
        test: { name: 'gpu', include: ['tests/gpu/**/*.test.ts'] },
      },
    ],
  },
});
