/** Makes the file of a virtual artifact, for a stage that reads whole files only. */
import { digestFile } from '../base/digest.ts';
import { SwpError } from '../base/failure.ts';
import { readVirtualFile } from '../base/virtual-file.ts';
import { loadStageFile } from './stage-module.ts';

/**
 * @param from a virtual file that says in which module its form is declared
 * @param to where the file is written
 * @throws SwpError of kind `content` if what is made of the parts is not what the virtual file stands for
 */
export async function makeArtifact(from: string, to: string): Promise<void> {
  const virtual = await readVirtualFile(from);
  if (virtual?.module === undefined) throw new Error(`${from} says of no module how it is made.`);
  const load = (await loadStageFile(virtual.module))?.forms?.[virtual.form];
  if (load === undefined) throw new Error(`The stage ${virtual.stage} declares no form "${virtual.form}".`);
  await (await load()).default(virtual.parts, to, virtual.settings ?? {});
  const { sha256 } = await digestFile(to);
  if (sha256 === virtual.sha256) return;
  throw new SwpError({
    kind: 'content',
    path: to,
    message: `It was made of the parts that stage ${virtual.stage} recorded, and its SHA-256 is ${sha256}, not ${virtual.sha256}`,
    remedy: `The stage makes it otherwise now. Dismiss the result with \`swp invalidate stage=${virtual.stage}\`.`,
  });
}
