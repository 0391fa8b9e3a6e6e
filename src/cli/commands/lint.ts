/** swp lint: do the arms of each declared comparison differ in exactly what it names, and can it show anything? */
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type { LintFinding, LintSeverity } from '../../science/lint/finding.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { withStudyOptions } from '../help.ts';
import { locate, type ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export function declareLint(program: Command): Command {
  const command = program
    .command('lint')
    .description('Prove of each declared comparison that its arms differ in exactly what it names; say what it lacks.')
    .addHelpText(
      'after',
      `
Examples:
  swp lint                       the comparisons of the default profile
  swp lint --profile controls    those of another one
  swp lint --json                {"profile", "comparisons", "findings":[{rule, severity, comparison, arms, message, accepted}]}

Nothing is run. Exit code 1 if an error stands that nobody has accepted. A comparison, or a profile, overrides a rule with
a reason in words, which the report prints: "accept": { "missing-control": "..." }. docs/lint.md explains every rule.`,
    )
    .action(lint);
  return withStudyOptions(command);
}

async function lint(options: ProjectOptions): Promise<void> {
  const [{ loadStudy }, { declareStudy }, { StageLoader }, { isOpenError, lintStudy }] = await Promise.all([
    import('../../pipeline/study.ts'),
    import('../../pipeline/declaration.ts'),
    import('../../engine/stage-loader.ts'),
    import('../../science/lint/lint.ts'),
  ]);
  const { path, profile, overrides } = locate(options);
  const study = declareStudy(
    await loadStudy({
      path,
      ...(profile !== undefined && { profile }),
      overrides,
      loader: StageLoader.installed(dirname(path)),
    }),
  );
  const findings = lintStudy(study);
  const terminal = openTerminal();
  if (options.json)
    terminal.line(
      JSON.stringify({ profile: study.profile.name, comparisons: study.comparisons.map(({ name }) => name), findings }),
    );
  else await writeFindings(study, findings, terminal);
  process.exitCode = findings.some(isOpenError) ? EXIT_CODE.lintErrors : EXIT_CODE.ok;
}

type Declared = Pick<StudyDeclaration, 'profile' | 'comparisons' | 'experiments'>;

async function writeFindings(
  { profile, comparisons, experiments }: Declared,
  findings: LintFinding[],
  terminal: Terminal,
): Promise<void> {
  const [{ LINT_RULES }, { plural }] = await Promise.all([
    import('../../science/lint/finding.ts'),
    import('../study-text.ts'),
  ]);
  const { colors } = terminal;
  /** What the profile overrides is told once, below. */
  const isOfProfile = ({ rule, comparison, accepted }: LintFinding) =>
    accepted !== null && comparisons.find(({ name }) => name === comparison)?.accept[rule] === undefined;
  terminal.line(
    `${colors.bold(`Profile ${profile.name}`)}: ${plural(comparisons.length, 'comparison')} of ${plural(experiments.length, 'experiment')}.`,
  );
  for (const { name, arms, varies } of comparisons) {
    const own = findings.filter((each) => each.comparison === name && !isOfProfile(each));
    terminal.line();
    terminal.line(`${colors.bold(name)}: ${arms.join(', ')} by ${varies.join(', ')}`);
    for (const each of own) writeFinding(each, terminal);
    if (own.every(({ severity }) => severity === 'note')) terminal.line(`  ${colors.green('ok')}`);
  }
  terminal.line();
  for (const each of findings) if (each.comparison === null) writeFinding(each, terminal);
  const ofProfile = findings.filter(isOfProfile);
  for (const rule of new Set(ofProfile.map((each) => each.rule))) {
    const own = ofProfile.filter((each) => each.rule === rule);
    terminal.line(
      `  ${colors.green('=')} ${rule} (${plural(own.length, 'finding')}), accepted for the profile: ${own[0]!.accepted}`,
    );
  }

  const open = findings.filter(({ accepted }) => accepted === null);
  const count = (severity: LintSeverity) => plural(open.filter((each) => each.severity === severity).length, severity);
  const accepted = findings.length - open.length;
  terminal.line(
    `${count('error')}, ${count('warning')}, ${count('note')}${accepted > 0 ? `; ${accepted} accepted` : ''}.`,
  );
  const rules = new Set(open.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule));
  for (const rule of rules) terminal.line(`${colors.dim(`${rule}:`)} ${LINT_RULES[rule].remedy}`);
}

function writeFinding({ rule, severity, message, accepted }: LintFinding, { line, colors }: Terminal): void {
  const signs = { error: colors.red('×'), warning: colors.yellow('!'), note: colors.dim('·') };
  if (accepted === null) line(`  ${signs[severity]} ${severity === 'note' ? colors.dim(rule) : rule}: ${message}`);
  else line(`  ${colors.green('=')} ${rule}, accepted: ${accepted}\n    ${colors.dim(message)}`);
}
