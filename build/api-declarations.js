/**
 * The types of the public API: declarations of src/index.ts and of every module whose types it shows. Made module by
 * module, without the type checker, which would take several seconds: `npm run typecheck` has that part.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';

const ENTRY = 'src/index.ts';
/** A change of these makes the declarations anew, too. */
const MAKERS = ['build/api-declarations.js', 'package-lock.json'];

/**
 * @param root of the package
 * @param kept path of a file that remembers the declarations: TypeScript is loaded only if a module of them has changed
 * @param write writes that file
 * @returns texts by path, such as `project/open-study.d.ts`
 */
export async function apiDeclarations(root, kept, write) {
  const known = JSON.parse(await readFile(kept, 'utf8').catch(() => '{"modules":{}}'));
  const isFresh = await Promise.all(
    Object.entries(known.modules).map(async ([path, digest]) => (await digestOf(join(root, path))) === digest),
  );
  if (isFresh.length > 0 && isFresh.every(Boolean)) return known.declarations;
  const made = await declare(root);
  await write(kept, JSON.stringify(made));
  return made.declarations;
}

async function declare(root) {
  const { default: ts } = await import('typescript');
  const made = { modules: {}, declarations: {} };
  for (const path of MAKERS) made.modules[path] = await digestOf(join(root, path));
  const open = [ENTRY];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (Object.hasOwn(made.modules, path)) continue;
    made.modules[path] = await digestOf(join(root, path));
    const { outputText, diagnostics } = ts.transpileDeclaration(await readFile(join(root, path), 'utf8'), {
      fileName: path,
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, isolatedDeclarations: true },
    });
    if (diagnostics.length > 0)
      throw new Error(
        `${path} is part of the public API, so what it exports needs written types: ${ts.flattenDiagnosticMessageText(diagnostics[0].messageText, ' ')}`,
      );
    // Comments hold examples of imports: only statements count.
    const text = outputText.replace(/^((?:import|export)\b[^;]*\bfrom ["']\.[^"']*)\.ts(["'];)$/gm, '$1.js$2');
    for (const [, imported] of text.matchAll(/^(?:import|export)\b[^;]*\bfrom ["'](\.[^"']*)\.js["'];$/gm))
      open.push(`${posix.join(dirname(path), imported)}.ts`);
    made.declarations[path.replace(/^src\//, '').replace(/\.ts$/, '.d.ts')] = text;
  }
  return made;
}

async function digestOf(path) {
  const content = await readFile(path).catch(() => '');
  return createHash('sha256').update(content).digest('hex');
}
