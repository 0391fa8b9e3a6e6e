/** manifest.json: what a bundle holds. Format: schemas/bundle-manifest.schema.json. */
import { createHash } from 'node:crypto';
import schema from '../../schemas/bundle-manifest.schema.json' with { type: 'json' };
import { parseBoundedJson } from '../base/bounded-json.ts';
import { compileSchema } from '../base/compile-schema.ts';
import { SwpError } from '../base/failure.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts';
import type { BundleManifest } from '../generated/bundle-manifest.ts';

export const MANIFEST = 'manifest.json';

/** The artifact that a bundle may be without, although it is kept for ever: large, in large models. */
export const MASK_ARTIFACT = 'mask';

export type Manifest = Omit<BundleManifest, 'study'> & {
  study: { name: string; profile: string; overrides: JsonObject };
};

/** Canonical (RFC 8785), so that equal bundles are equal bytes. */
export function manifestText(manifest: Manifest): string {
  return `${canonicalJson(manifest as unknown as JsonValue)}\n`;
}

/** The bundle's id: a hash over every file. Printed in a paper, it tells whether a bundle is the one that is meant. */
export function bundleId(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * @param file the bundle, for messages
 * @throws SwpError of kind `content` if it is no manifest, or names files that must not be written
 */
export function parseManifest(text: string, file: string): Manifest {
  const value = parsed(text, file);
  const validate = compileSchema<Manifest>({ ...schema, $schema: undefined }, { validateSchema: false });
  if (!validate(value)) {
    const problem = validate.errors![0]!;
    throw refusal(file, `${MANIFEST}: ${problem.instancePath || 'it'} ${problem.message}`);
  }
  const seen = new Set<string>();
  for (const name of Object.keys(value.files)) {
    if (!isSafeName(name))
      throw refusal(file, `${MANIFEST} names a file that must not be written: ${JSON.stringify(name.slice(0, 100))}`);
    // File systems that ignore case would take two such names for one.
    const folded = name.normalize('NFC').toLowerCase();
    if (seen.has(folded) || folded === MANIFEST) throw refusal(file, `${MANIFEST} names ${JSON.stringify(name)} twice`);
    seen.add(folded);
  }
  return value;
}

/** Whether a name is relative, has slashes, stays inside the folder, and is allowed on every system. */
export function isSafeName(name: string): boolean {
  return (
    name.length <= 250 &&
    name
      .split('/')
      .every(
        (part) =>
          part !== '' &&
          part !== '.' &&
          part !== '..' &&
          !/[\u0000-\u001f\u007f\\:*?"<>|]/.test(part) &&
          !/[. ]$/.test(part),
      )
  );
}

/** The failure for a bundle that is not opened at all. */
export function refusal(file: string, message: string): SwpError {
  return new SwpError({
    kind: 'content',
    path: file,
    message,
    remedy: 'It was not unpacked. A bundle is what `swp bundle` writes; fetch it again from where it came from.',
  });
}

function parsed(text: string, file: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch (error) {
    throw refusal(file, `${MANIFEST} is no JSON: ${(error as Error).message}`);
  }
}
