/** The commands that go on with a new study, as they can be typed where swp init was. */
import { relative } from 'node:path';

interface Place {
  /** Absolute path of the study's folder. */
  folder: string;
  /** Where the user is. */
  workingFolder: string;
  env: NodeJS.ProcessEnv;
}

/**
 * Below the npm project npx finds this swp. Elsewhere it would fetch the npm registry's own `swp`, an unrelated tool
 * that deletes folders: there, nothing shown leads out of the project.
 */
export function nextSteps({ folder, workingFolder, env }: Place): string[] {
  const way = relative(workingFolder, folder);
  const project = env.npm_command === 'exec' ? env.npm_config_local_prefix : undefined;
  const swp = env.npm_command === 'exec' ? 'npx swp' : 'swp';
  const leaves = project !== undefined && /^\.\.(\/|$)/.test(relative(project, folder));
  const pipeline = leaves ? ` --pipeline ${shellWord(`${way}/pipeline.json`)}` : '';
  return [
    ...(way === '' || leaves ? [] : [`cd ${shellWord(way)}`]),
    ...['lint', 'repro --profile smoke', 'repro'].map((command) => `${swp} ${command}${pipeline}`),
  ];
}

/** A word as a shell reads it: in quotes where it has a character that means something there. */
function shellWord(text: string): string {
  const safe = text.startsWith('-') ? `./${text}` : text;
  return /^[\w@%+=:,./-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", `'\\''`)}'`;
}
