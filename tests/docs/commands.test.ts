/** The commands and options in the docs exist, and every command is described. */
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { readPage, readPages, ROOT } from './pages.ts';

const COMMAND = join(ROOT, 'bin/swp.js');

/** Every `swp COMMAND ...` of the pages: in code, and between backticks in prose. */
function commandsShown(): { page: string; name: string; rest: string }[] {
  return readPages().flatMap(({ path, prose, code }) => {
    const texts = [
      ...code.flatMap(({ lines }) => lines.map((line) => line.replace(/\s#.*$/, ''))),
      ...prose.flatMap(({ line }) => [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)),
    ];
    return texts.flatMap((text) => {
      const match = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npm ci && )?(?:npx )?swp ((?:bundle |metrics )?[a-z]+)( .*)?$/.exec(
        text,
      );
      return match ? [{ page: path, name: match[1]!.trim(), rest: match[2] ?? '' }] : [];
    });
  });
}

async function optionsOf(name: string): Promise<string[] | undefined> {
  const { exitCode, stdout } = await execa(process.execPath, [COMMAND, ...name.split(' '), '--help'], {
    reject: false,
  });
  // Of a command that there is not, commander prints the help of all.
  const isOfCommand = exitCode === 0 && stdout.startsWith(`Usage: swp ${name} `);
  return isOfCommand ? [...stdout.matchAll(/(?<![\w-])--?[a-z][a-z-]*/g)].map((match) => match[0]) : undefined;
}

/** `--option` between backticks below a heading `swp COMMAND` of docs/commands.md. */
function optionsDescribed(): { page: string; name: string; rest: string }[] {
  const page = 'docs/commands.md';
  let name: string | undefined;
  return readPage(page).prose.flatMap(({ line }) => {
    const heading = /^## (?:swp ((?:bundle )?[a-z]+)$)?/.exec(line);
    if (heading) name = heading[1];
    if (name === undefined) return [];
    return [...line.matchAll(/`(--?[a-z][^`]*)`/g)].map((match) => ({ page, name: name!, rest: ` ${match[1]!}` }));
  });
}

it('describes every command', async () => {
  const { stdout } = await execa(process.execPath, [COMMAND, '--help']);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) (?=.*\[options\])/gm)].map((match) => match[1]!);
  expect(commands.length).toBeGreaterThan(18);
  const described = readPage('docs/commands.md').code[0]!.lines.map((line) => /^swp ([a-z]+)/.exec(line)?.[1]);
  expect(commands.filter((command) => !described.includes(command))).toEqual([]);
});

it('shows commands and options that exist', async () => {
  const shown = [...commandsShown(), ...optionsDescribed()];
  const names = [...new Set(shown.map(({ name }) => name))];
  expect(names.length).toBeGreaterThan(18);
  const options = new Map<string, string[] | undefined>();
  for (const name of names) {
    options.set(name, (await optionsOf(name)) ?? (await optionsOf(name.split(' ')[0]!)));
  }
  const wrong = shown.flatMap(({ page, name, rest }) => {
    const known = options.get(name);
    if (known === undefined) return [{ page, name }];
    const used = [...rest.matchAll(/(?<=\s)--?[a-z][a-z-]*/g)].map((match) => match[0]);
    return used.filter((option) => !known.includes(option)).map((option) => ({ page, name, option }));
  });
  expect(wrong).toEqual([]);
});
