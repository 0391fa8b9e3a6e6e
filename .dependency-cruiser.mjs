/**
 * Who may import whom. `npm run deps` checks it, and `npm test` with it. docs/design.md says what each folder is for.
 *
 * Types count like values, except where a rule says otherwise: a layer whose types come from above it cannot be read,
 * or replaced, without what is above it.
 */

/** What each folder may import besides itself, the generated types and packages. A new folder needs a line here. */
export const LAYERS = {
  // Failures, JSON, digests, clock, files, random numbers: what every layer needs. It knows nothing above it.
  base: [],
  // Stores artifacts and records under keys. Who made them, and how, is not its business.
  cache: ['base'],
  // Plans and runs nodes of any kind. It knows nothing of machine learning: stages bring that.
  engine: ['cache', 'base'],
  // Graphs, gradients, runtimes. It can be used without a study, and knows no language models.
  compute: ['base'],
  // Language models and their files. The stage contract tells it how a stage reports progress and work.
  model: ['compute', 'base', 'engine/stage.ts'],
  // Pure functions from results to results: they can be tested without running anything.
  science: ['model', 'base', 'engine/stage.ts'],
  // What a node does. A stage sees the contract, not the engine, so that any executor can run it.
  stages: ['science', 'model', 'compute', 'base', 'engine/stage.ts'],
  // From pipeline.json to a DAG. It declares work and runs none.
  pipeline: ['engine', 'base'],
  // Pages and figures of what aggregate wrote: all that they show is in the results.
  report: ['science', 'base'],
  plots: ['report', 'science', 'base'],
  // Tries every runtime on this machine. It needs no study.
  doctor: ['compute', 'base'],
  estimate: ['engine', 'cache', 'pipeline', 'model', 'base'],
  verify: ['engine', 'cache', 'pipeline', 'model', 'base'],
  // Checks a study that somebody else ran: compares artifacts like verify, and renders the report again.
  bundle: ['verify', 'report', 'engine', 'cache', 'pipeline', 'model', 'base'],
  // What one can do with a study, for the command line and for other programs.
  project: [
    ...['bundle', 'verify', 'estimate', 'doctor', 'plots', 'report'],
    ...['pipeline', 'science', 'model', 'compute', 'engine', 'cache', 'base'],
  ],
  // Commands, views and texts. It decides nothing: what is more than words and layout belongs to project.
  cli: ['project', 'doctor', 'plots', 'report', 'base'],
};

/** Of these the command line sees types only, so that it can say what they hold. */
const SEEN_AS_TYPES = ['bundle', 'verify', 'estimate', 'pipeline', 'science', 'model', 'compute', 'engine', 'cache'];

/** Where programs start: what none of them reaches is dead. */
const ENTRY_POINTS = [
  ...[
    '^src/cli/main\\.ts$',
    '^src/index\\.ts$',
    '^src/engine/executors/local/worker\\.ts$',
    '^src/doctor/probe-child\\.ts$',
  ],
  ...['^src/report/dag-page/script\\.ts$', '^stages/'],
];

/** A path pattern of a folder of src, of stages, or of one file. */
function place(name) {
  if (name.endsWith('.ts')) return `^src/${name.replaceAll('.', '\\.')}$`;
  return name === 'stages' ? '^stages/' : `^src/${name}/`;
}

/** One rule per layer, so that a violation names the layer that was broken. */
const layerRules = Object.entries(LAYERS).map(([layer, below]) => ({
  name: `layer-${layer}`,
  comment: `${layer} imports ${below.length === 0 ? 'nothing from other folders' : `only ${below.join(', ')}`}.`,
  severity: 'error',
  from: { path: place(layer) },
  to: {
    path: '^(src|stages)/',
    pathNot: [place(layer), place('generated'), ...below.map(place)],
    ...(layer === 'cli' && { pathNot: [place(layer), place('generated'), ...[...below, ...SEEN_AS_TYPES].map(place)] }),
  },
}));

export default {
  forbidden: [
    ...layerRules,
    {
      name: 'cli-decides-nothing',
      comment:
        'The command line may import types of the lower layers, to say what they hold, but no code: a decision made in ' +
        'a command cannot be had by other programs.',
      severity: 'error',
      from: { path: place('cli') },
      to: { path: SEEN_AS_TYPES.map(place), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'stage-contract-stands-alone',
      comment: 'model and science import engine/stage.ts, so what it imports they would import, too.',
      severity: 'error',
      from: { path: place('engine/stage.ts') },
      to: { path: '^(src|stages)/', pathNot: [place('base'), place('generated')] },
    },
    {
      name: 'every-folder-has-a-layer',
      comment: 'A folder of src that LAYERS does not list would be bound by no rule.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: [place('generated'), ...Object.keys(LAYERS).map(place)] },
      to: {},
    },
    {
      name: 'no-circles',
      comment: 'Files that import one another can only be understood, moved and tested together. Types count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-dead-modules',
      comment: 'No program reaches this module. The reference runtime exists to test the others.',
      severity: 'error',
      from: { path: ENTRY_POINTS },
      to: {
        path: '^(src|stages)/',
        pathNot: [
          ...ENTRY_POINTS,
          '^src/compute/kernel/', // AssemblyScript, compiled by the build
          '^src/compute/runtimes/reference/',
          '\\.d\\.ts$',
          '^src/generated/',
        ],
        reachable: false,
      },
    },
    {
      name: 'nothing-needs-tests',
      comment: 'The package is published without its tests, and without its benchmarks.',
      severity: 'error',
      from: { pathNot: '^(bench|tests)/' },
      to: { path: '^tests/' },
    },
    {
      name: 'installed-with-the-package',
      comment: 'What the package needs when it runs must be among its dependencies. Types are not there when it runs.',
      severity: 'error',
      from: { path: '^(src|stages)/', pathNot: '^src/report/dag-page/(script\\.ts$|browser/)' }, // a bundle for browsers
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|cache)/' },
    tsPreCompilationDeps: true, // also the imports that TypeScript drops: types
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
