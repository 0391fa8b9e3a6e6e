import tseslint from 'typescript-eslint';

const RESTRICTED_SYNTAX = [
  {
    selector: ':not(MethodDefinition[kind="constructor"])[accessibility="private"]',
    message: 'Private members are written #name.',
  },
  {
    selector:
      'Program > :matches(VariableDeclaration, ExportNamedDeclaration > VariableDeclaration)[kind="const"] > VariableDeclarator[id.name=/^[a-z]/][init.type="Literal"]',
    message: 'A constant of the module is written UPPER_CASE.',
  },
  {
    selector: 'BinaryExpression[operator="in"][left.type!="Literal"][left.type!="PrivateIdentifier"]',
    message:
      'A name that somebody chose may be "constructor", which every object has: Object.hasOwn, or entryOf of src/base/json.ts.',
  },
  {
    selector:
      ':matches(ForStatement, ForOfStatement, ForInStatement, WhileStatement, DoWhileStatement) > BlockStatement VariableDeclaration[kind=/using$/]',
    message:
      'In a loop, `using` stands in a function of its own: as esbuild translates it, an error that is caught in one turn is thrown again at the end of every later one.',
  },
];

/** What ECMAScript leaves open, so that its bits are those of one engine. */
const OPEN_FUNCTIONS = [
  ...['acos', 'acosh', 'asin', 'asinh', 'atan', 'atan2', 'atanh', 'cbrt', 'cos', 'cosh', 'exp', 'expm1', 'hypot'],
  ...['log', 'log10', 'log1p', 'log2', 'pow', 'sin', 'sinh', 'tan', 'tanh'],
];
const STATED = 'ECMAScript leaves its bits open, and they would enter artifacts: src/base/stated-math.ts has others.';

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'src/generated/', 'src/compute/kernel/', 'cache/', 'report/', 'coverage/'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'off',
      // Prettier wraps code; this catches comments.
      'max-len': [
        'error',
        { code: 120, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true, ignoreUrls: true },
      ],
      'no-restricted-syntax': ['error', ...RESTRICTED_SYNTAX],
    },
  },
  {
    // Others may write into a cache: src/base/held-folder.ts, regular-file.ts and atomic-file.ts do there what these
    // names do not do safely, such as writeFileSync, renameSync and rm.
    files: ['src/cache/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'node:fs',
              allowImportNames: [
                ...['Dirent', 'Stats', 'closeSync', 'constants', 'copyFileSync', 'fchmodSync', 'fstatSync', 'linkSync'],
                ...['lstatSync', 'mkdirSync', 'openSync', 'readSync', 'readdirSync', 'statSync', 'writeSync'],
              ],
              message: 'Others may write into a cache: use held-folder.ts, regular-file.ts or atomic-file.ts.',
            },
            { name: 'node:fs/promises', allowImportNames: ['readdir'], message: 'As for node:fs.' },
          ],
        },
      ],
    },
  },
  {
    // Whatever enters artifacts has the same bits everywhere.
    files: ['src/base/**', 'src/compute/**', 'src/model/**', 'src/science/**', 'stages/**'],
    ignores: [
      'src/base/quantity-text.ts', // texts for people
      'src/compute/runtimes/reference/**', // to compare with, within a tolerance
      'src/compute/runtimes/probe.ts', // the same
    ],
    rules: {
      'no-restricted-properties': [
        'error',
        ...OPEN_FUNCTIONS.map((property) => ({ object: 'Math', property, message: STATED })),
      ],
      'no-restricted-syntax': [
        'error',
        ...RESTRICTED_SYNTAX,
        // Powers of literals are folded, and those of BigInt are exact.
        { selector: 'BinaryExpression[operator="**"]:not([left.type="Literal"])', message: STATED },
        {
          selector:
            'BinaryExpression[operator="**"][left.type="Literal"]:not([left.bigint]):not([right.type="Literal"]):not([right.argument.type="Literal"])',
          message: STATED,
        },
        { selector: 'AssignmentExpression[operator="**="]', message: STATED },
      ],
    },
  },
  {
    // Reads what the system says in /proc.
    files: ['src/cache/process-identity.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
);
