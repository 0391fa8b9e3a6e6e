import tseslint from 'typescript-eslint';

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
      'no-restricted-syntax': [
        'error',
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
      ],
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
    // Reads what the system says in /proc.
    files: ['src/cache/process-identity.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
);
