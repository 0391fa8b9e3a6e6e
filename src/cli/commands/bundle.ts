import type { Command } from 'commander';
export function declareBundle(program: Command): Command { return program.command('bundle'); }
