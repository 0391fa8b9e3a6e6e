/**
 * Globs over names and paths. The time that a match takes grows with the length of the pattern times that of the name
 * and no faster, whatever the pattern: all ways of matching are followed side by side, character by character, so there
 * is nothing to go back to.
 *
 *     *       any characters but '/'                 [a-c]   one of these; [!a-c] or [^a-c]: one other
 *     ?       one character but '/'                  {a,b}   one of these, which may be globs
 *     **      as a whole part of a path: any number of folders, or everything below one
 *     \x      x itself                               !glob   what does not match
 *
 * What begins with a dot is only matched by a dot, unless `dot` is given.
 */
import { SwpError } from './failure.ts';

/** Longer patterns are refused: no list of alternatives that a person writes needs them. */
export const LONGEST_GLOB = 1000;

export interface GlobOptions {
  /** Wildcards also match a dot at the beginning of a name or of a part of a path. */
  dot?: boolean;
}

/**
 * Whether a name matches one of the patterns, or is one.
 * @throws SwpError of kind `usage` for a pattern of more than LONGEST_GLOB characters
 */
export function globMatcher(
  patterns: string | readonly string[],
  { dot = false }: GlobOptions = {},
): (name: string) => boolean {
  const all = [patterns].flat();
  for (const { length } of all)
    if (length > LONGEST_GLOB)
      throw new SwpError({
        kind: 'usage',
        message: `A pattern has ${length} characters.`,
        expected: `at most ${LONGEST_GLOB}; several patterns may be given`,
      });
  const names = new Set(all);
  const globs = all.filter((pattern) => /[*?[{\\!]/.test(pattern)).map((pattern) => new Glob(pattern, dot));
  if (globs.length === 0) return (name) => names.has(name);
  const answers = new Map<string, boolean>(); // of many nodes the same few names are asked
  return (name) => {
    const answer = answers.get(name) ?? (names.has(name) || globs.some((glob) => glob.matches(name)));
    answers.set(name, answer);
    return answer;
  };
}

/** What a place of the program does with a character, or without one. */
type Instruction =
  | { op: 'character'; is: (character: string) => boolean; wild: boolean }
  /** Goes on at both places. */
  | { op: 'fork'; to: [number, number] }
  | { op: 'end' };

class Glob {
  readonly #program: readonly Instruction[];
  readonly #negated: boolean;
  readonly #dot: boolean;
  /** By place: the character before which it was reached last. */
  readonly #reachedBefore: Int32Array;

  constructor(pattern: string, dot: boolean) {
    this.#negated = pattern.startsWith('!');
    this.#program = new Compiler(this.#negated ? pattern.slice(1) : pattern).compile();
    this.#reachedBefore = new Int32Array(this.#program.length);
    this.#dot = dot;
  }

  matches(name: string): boolean {
    return this.#run(name) !== this.#negated;
  }

  #run(name: string): boolean {
    this.#reachedBefore.fill(-1);
    let places = this.#reached([0], 0);
    for (let index = 0; index < name.length && places.length > 0; index++) {
      const character = name[index]!;
      const hidden = !this.#dot && character === '.' && (index === 0 || name[index - 1] === '/');
      const next: number[] = [];
      for (const place of places) {
        const instruction = this.#program[place]!;
        if (instruction.op === 'character' && !(hidden && instruction.wild) && instruction.is(character))
          next.push(place + 1);
      }
      places = this.#reached(next, index + 1);
    }
    return places.some((place) => this.#program[place]!.op === 'end');
  }

  /** The places, and all to which forks lead from them, each once. */
  #reached(places: number[], before: number): number[] {
    const reached: number[] = [];
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      if (this.#reachedBefore[place] === before) continue;
      this.#reachedBefore[place] = before;
      const instruction = this.#program[place]!;
      if (instruction.op === 'fork') places.push(...instruction.to);
      else reached.push(place);
    }
    return reached;
  }
}

const isInPart = (character: string) => character !== '/';

/** Makes a program of a pattern, which it reads once from left to right. */
class Compiler {
  readonly #program: Instruction[] = [];
  readonly #pattern: string;
  /** Of the braces that are open: where the alternative began, and the ends of those before it. */
  readonly #open: { start: number; ends: number[] }[] = [];

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  compile(): Instruction[] {
    const pattern = this.#pattern;
    const braces = pairedBraces(pattern);
    for (let index = 0; index < pattern.length; index++) {
      const character = pattern[index]!;
      if (character === '\\' && index + 1 < pattern.length) this.#literal(pattern[++index]!);
      else if (character === '*') index = this.#stars(index);
      else if (character === '?') this.#one(isInPart, true);
      else if (character === '[') index = this.#class(index);
      else if (character === '{' && braces.has(index)) this.#openBrace();
      else if (character === ',' && this.#open.length > 0) this.#alternative();
      else if (character === '}' && this.#open.length > 0) this.#closeBrace();
      else this.#literal(character);
    }
    while (this.#open.length > 0) this.#closeBrace(); // its closing brace was in brackets
    this.#program.push({ op: 'end' });
    return this.#program;
  }

  #literal(character: string): void {
    this.#one((other) => other === character, false);
  }

  #one(is: (character: string) => boolean, wild: boolean): void {
    this.#program.push({ op: 'character', is, wild });
  }

  /** @returns index of the last character that was read */
  #stars(index: number): number {
    const pattern = this.#pattern;
    let last = index;
    while (pattern[last + 1] === '*') last++;
    const isPart = last > index && (index === 0 || pattern[index - 1] === '/');
    if (isPart && last + 1 === pattern.length) this.#repeat(() => this.#one(() => true, true));
    else if (isPart && pattern[last + 1] === '/') {
      this.#repeat(() => {
        this.#one(isInPart, true);
        this.#repeat(() => this.#one(isInPart, true));
        this.#literal('/');
      });
      last++;
    } else this.#repeat(() => this.#one(isInPart, true));
    return last;
  }

  /** What `add` adds, any number of times. */
  #repeat(add: () => void): void {
    const start = this.#program.length;
    const fork = this.#fork([start + 1, -1]);
    add();
    this.#fork([start, start]);
    fork.to[1] = this.#program.length;
  }

  #fork(to: [number, number]): { to: [number, number] } {
    const fork: Instruction = { op: 'fork', to };
    this.#program.push(fork);
    return fork;
  }

  /** @returns index of the closing bracket; a bracket that nothing closes stands for itself */
  #class(index: number): number {
    const pattern = this.#pattern;
    const negated = pattern[index + 1] === '!' || pattern[index + 1] === '^';
    const start = index + (negated ? 2 : 1);
    const end = pattern.indexOf(']', start + 1); // a bracket that comes first is one of the characters
    if (end === -1) {
      this.#literal('[');
      return index;
    }
    const singles = new Set<string>();
    const ranges: [string, string][] = [];
    for (let at = start; at < end; at++) {
      if (pattern[at + 1] === '-' && at + 2 < end) {
        ranges.push([pattern[at]!, pattern[at + 2]!]);
        at += 2;
      } else singles.add(pattern[at]!);
    }
    this.#one(
      (character) =>
        character !== '/' &&
        (singles.has(character) || ranges.some(([from, to]) => from <= character && character <= to)) !== negated,
      true,
    );
    return end;
  }

  #openBrace(): void {
    this.#open.push({ start: this.#program.length, ends: [] });
    this.#fork([this.#program.length + 1, -1]);
  }

  /** The alternative before the comma ends; the next one begins where the first one's fork leads otherwise. */
  #alternative(): void {
    const open = this.#open.at(-1)!;
    open.ends.push(this.#program.length);
    this.#fork([-1, -1]);
    this.#forkAt(open.start).to[1] = this.#program.length;
    open.start = this.#program.length;
    this.#fork([this.#program.length + 1, -1]);
  }

  #closeBrace(): void {
    const { start, ends } = this.#open.pop()!;
    const after = this.#program.length;
    const last = this.#forkAt(start);
    last.to = [start + 1, start + 1]; // no further alternative
    for (const end of ends) this.#forkAt(end).to = [after, after];
  }

  #forkAt(place: number): { to: [number, number] } {
    return this.#program[place] as Extract<Instruction, { op: 'fork' }>;
  }
}

/** Indices of the braces that belong together; the others stand for themselves. */
function pairedBraces(pattern: string): Set<number> {
  const open: number[] = [];
  const paired = new Set<number>();
  for (let index = 0; index < pattern.length; index++) {
    if (pattern[index] === '\\') index++;
    else if (pattern[index] === '{') open.push(index);
    else if (pattern[index] === '}' && open.length > 0) paired.add(index).add(open.pop()!);
  }
  return paired;
}
